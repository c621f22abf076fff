"""A measured figure beside its reference from the same run, and the page on which figures are kept."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a benchmark.

    Attributes:
        goal: number of the goal, such as `P1`.
        what: what was measured, in a few words.
        ours: our figure.
        reference: the reference's figure in the same run, when the goal has one.
        unit: unit of both.
        target: the goal in words.
        met: whether it was reached in this run.
    """

    goal: str
    what: str
    ours: float
    unit: str
    target: str
    met: bool
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the reference's."""
        return self.ours / self.reference if self.reference else None


def machine() -> str:
    """Return a line on the machine: processor, cores, memory, system, Python."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = next((int(line.split()[1]) // 1_048_576 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{model}, {os.cpu_count()} cores, {memory} GiB, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    rows = ["| goal | what | ours | reference | ratio | target | reached |", "| --- | --- | ---: | ---: | ---: | --- | --- |"]
    for figure in figures:
        reference = "" if figure.reference is None else f"{figure.reference:,.6g} {figure.unit}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        reached = "yes" if figure.met else "**no**"
        rows.append(
            f"| {figure.goal} | {figure.what} | {figure.ours:,.6g} {figure.unit} | {reference} | {ratio} | {figure.target} | {reached} |"
        )
    return "\n".join(rows)


def keep(figures: Sequence[Figure], *, title: str) -> Path:
    """Append a run to the page of its title and return the page."""
    PAGES.mkdir(parents=True, exist_ok=True)
    page = PAGES / f"{title}.md"
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    head = "" if page.exists() else f"# Benchmark: {title}\n\nEach run measures ours and the reference side by side; compare the ratios.\n"
    with page.open("a") as out:
        out.write(f"{head}\n## {moment}\n\n{machine()}\n\n{table(figures)}\n")
    return page


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
