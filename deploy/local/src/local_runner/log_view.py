"""The services' logs in one readable stream."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
_LEVELS = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red", "critical": "bold red"}
# Shown on their own, or the same on every line.
_NOT_DETAILS = frozenset(("event", "level", "timestamp", "service"))
_LONGEST_DETAIL = 200


@dataclass(frozen=True)
class Line:
    """One line of a log.

    Attributes:
        at: time within the day, empty when the line tells none.
        level: how severe it is.
        text: the sentence and its details.
    """

    at: str
    level: str
    text: str


def read_line(raw: str) -> Line:
    """Return a log line for people; what is not JSON is shown as it is."""
    content = None
    if raw.startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            content = json.loads(raw)
    if not isinstance(content, dict):
        return Line("", "info", raw)
    details = " ".join(f"{name}={_short(value)}" for name, value in content.items() if name not in _NOT_DETAILS)
    text = f"{content.get('event', '')} {details}".strip()
    return Line(str(content.get("timestamp", ""))[11:23], str(content.get("level", "info")), text)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_DETAIL else text[:_LONGEST_DETAIL] + "…"


class LogView:
    """Follows log files, each with a name and a colour, from where they end now."""

    def __init__(self, console: Console, logs: Sequence[tuple[str, Path]]) -> None:
        self._console = console
        self._logs = dict(logs)
        self._width = max((len(name) for name, _ in logs), default=0)
        self._colours = {name: _COLOURS[place % len(_COLOURS)] for place, (name, _) in enumerate(logs)}
        self._positions = {name: path.stat().st_size if path.exists() else 0 for name, path in logs}
        self._unfinished = dict.fromkeys(self._logs, b"")

    def show_new(self) -> None:
        """Print the lines that were written since the last call, the earliest first."""
        lines = [(line.at, name, line) for name in self._logs for line in map(read_line, self._new_lines(name))]
        for _, name, line in sorted(lines, key=lambda entry: entry[0]):
            self._console.print(self._render(name, line), soft_wrap=True, highlight=False)

    def _new_lines(self, name: str) -> Iterator[str]:
        path = self._logs[name]
        if not path.exists():
            return
        if path.stat().st_size < self._positions[name]:
            self._positions[name] = 0
        with path.open("rb") as log:
            log.seek(self._positions[name])
            content = log.read()
            self._positions[name] = log.tell()
        *complete, self._unfinished[name] = (self._unfinished[name] + content).split(b"\n")
        yield from (line.decode(errors="replace") for line in complete if line.strip())

    def _render(self, name: str, line: Line) -> Text:
        text = Text(f"{name:<{self._width}} ", style=self._colours[name])
        text.append(f"{line.at} " if line.at else "", style="dim")
        return text.append(line.text, style=_LEVELS.get(line.level, ""))
