"""Pictures of reports: SVG that follows the reader's dark or light colours."""

from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 300, 64, 44, 34
COLOURS = ("#0f766e", "#2563eb", "#b45309", "#7c3aed", "#64748b")


def columns(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], line: tuple[str, Sequence[int]] | None = None) -> str:
    """Return stacked columns, those below zero downwards, and a line over them.

    Args:
        title: what it shows.
        labels: a column each.
        series: values by name, stacked in their order.
        line: a name and a value a column.
    """
    ups = [sum(max(values[place], 0) for values in series.values()) for place in range(len(labels))]
    downs = [sum(min(values[place], 0) for values in series.values()) for place in range(len(labels))]
    extra = line[1] if line else []
    low, high = min(0, *downs, *extra), max(1, *ups, *extra)
    scale = (_HEIGHT - _BOTTOM - _TOP) / (high - low)
    step = (_WIDTH - _LEFT - 8) / max(len(labels), 1)

    def y_of(value: float) -> float:
        return _TOP + (high - value) * scale

    parts = [_text(_LEFT, 16, title, size=13, weight="bold"), *_axis(low, high, y_of)]
    for place, label in enumerate(labels):
        x, up, down = _LEFT + step * place, 0, 0
        for colour, values in zip(COLOURS, series.values(), strict=False):
            value = values[place]
            begin = up if value > 0 else down
            parts.append(_bar(x + step * 0.14, y_of(max(begin, begin + value)), step * 0.72, abs(value) * scale, colour))
            up, down = (up + value, down) if value > 0 else (up, down + value)
        if place % max(1, len(labels) // 12) == 0:
            parts.append(_text(x + step / 2, _HEIGHT - _BOTTOM + 16, label, anchor="middle"))
    if line:
        points = " ".join(f"{_LEFT + step * (place + 0.5):.1f},{y_of(value):.1f}" for place, value in enumerate(line[1]))
        parts.append(f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="2"/>')
    return _svg(title, parts + _legend([*series], line[0] if line else None))


def _axis(low: float, high: float, y_of) -> list[str]:
    marks = sorted({low, 0, high / 2, high})
    return [
        part
        for value in marks
        for part in (
            f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y_of(value):.1f}" y2="{y_of(value):.1f}" stroke="currentColor" opacity="0.15"/>',
            _text(_LEFT - 6, y_of(value) + 3, f"{round(value):,}", anchor="end"),
        )
    ]


def _legend(names: Sequence[str], line: str | None) -> list[str]:
    parts, x = [], _LEFT
    for colour, name in zip([*COLOURS[: len(names)], "currentColor"], [*names, *([line] if line else [])], strict=False):
        parts += [_bar(x, _HEIGHT - 14, 10, 10, colour), _text(x + 14, _HEIGHT - 5, name)]
        x += 34 + 7 * len(name)
    return parts


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, size: int = 10, anchor: str = "start", weight: str = "normal") -> str:
    font = f'font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {font} fill="currentColor">{text}</text>'


def _svg(title: str, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
    dark = "@media(prefers-color-scheme:dark){:root{color:#e5e7eb;background:#111827}}"
    style = f"<style>:root{{color:#1a1a2e;background:#fff}}{dark}</style>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}">'
    return "\n".join([head, style, *parts, "</svg>", ""])
