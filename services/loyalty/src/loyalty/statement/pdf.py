"""A statement on paper: A4, a picture of the balance over time, then every line."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from zoneinfo import ZoneInfo

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from loyalty.statement.rules import Statement
from loyalty.statement.texts import WORDS, Language, Words

_WIDTH, _HEIGHT = A4
_MARGIN = 18 * mm
_RIGHT = _WIDTH - _MARGIN
_ROW = 5.6 * mm
_INK, _GREY, _LINE = HexColor(0x1A1A2E), HexColor(0x6B7280), HexColor(0xE5E7EB)
_GAIN, _LOSS, _CURVE = HexColor(0x0F766E), HexColor(0xB45309), HexColor(0x2563EB)
_FIRST_TOP, _NEXT_TOP, _BOTTOM = _HEIGHT - 104 * mm, _HEIGHT - 30 * mm, 24 * mm
_FIRST_ROWS, _NEXT_ROWS = int((_FIRST_TOP - _BOTTOM) / _ROW), int((_NEXT_TOP - _BOTTOM) / _ROW)
_CHART_TOP, _CHART_HEIGHT = _HEIGHT - 62 * mm, 26 * mm
# Where the columns of figures end, and where the others begin.
_POINTS_AT, _BALANCE_AT, _KIND_AT, _ORDER_AT = _RIGHT - 30 * mm, _RIGHT, _MARGIN + 32 * mm, _MARGIN + 88 * mm
_REGULAR, _BOLD, _CHINESE = "Roboto-Regular", "Roboto-Bold", "NotoSansSC"
# From here on Unicode has the signs of Chinese, which Roboto lacks.
_FIRST_CHINESE = "\u2e80"


def render(statement: Statement, language: Language) -> bytes:
    """Return a statement as PDF.

    Takes a processor for some hundred milliseconds when there are thousands of lines: not for the event loop.

    Args:
        statement: what it says.
        language: in which its words are; dates are ISO 8601 in the programme's zone.
    """
    words, out = WORDS[language], BytesIO()
    _register_fonts()
    paper = Canvas(out, pagesize=A4, invariant=True, lang=language)
    paper.setTitle(f"{words.title} · {statement.programme}")
    pages = _pages(statement)
    for number, page in enumerate(pages, start=1):
        top = _FIRST_TOP if number == 1 else _NEXT_TOP
        _head(paper, statement, words)
        if number == 1:
            _summary(paper, statement, words)
        _rows(paper, page, top, words)
        _write(paper, _REGULAR, 8, _GREY, _RIGHT, 12 * mm, words.page.format(page=number, pages=len(pages)), right=True)
        paper.showPage()
    paper.save()
    return out.getvalue()


@cache
def _register_fonts() -> None:
    for name, place in (
        (_REGULAR, files("font_roboto") / "files" / "Roboto-Regular.ttf"),
        (_BOLD, files("font_roboto") / "files" / "Roboto-Bold.ttf"),
        (_CHINESE, files("loyalty.statement") / "fonts" / "NotoSansSC-Subset.ttf"),
    ):
        with as_file(place) as path:
            pdfmetrics.registerFont(TTFont(name, path))


# A row: date, kind, order, points, balance.
_Row = tuple[str, str, str, int, int]


def _pages(statement: Statement) -> list[Sequence[_Row]]:
    zone = ZoneInfo(statement.zone)
    rows = [
        (_day(line.occurred_at, zone), line.kind, line.order_id or "", line.points, balance)
        for line, balance in zip(statement.lines, statement.balances, strict=True)
    ]
    rest = rows[_FIRST_ROWS:]
    return [rows[:_FIRST_ROWS], *(rest[place : place + _NEXT_ROWS] for place in range(0, len(rest), _NEXT_ROWS))]


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _write(paper: Canvas, font: str, size: float, colour: Color, x: float, y: float, text: str, *, right: bool = False) -> None:
    paper.setFont(_CHINESE if any(sign >= _FIRST_CHINESE for sign in text) else font, size)
    paper.setFillColor(colour)
    (paper.drawRightString if right else paper.drawString)(x, y, text)


def _head(paper: Canvas, statement: Statement, words: Words) -> None:
    _write(paper, _BOLD, 15, _INK, _MARGIN, _HEIGHT - 20 * mm, words.title)
    _write(paper, _REGULAR, 10, _GREY, _RIGHT, _HEIGHT - 20 * mm, statement.programme, right=True)


def _summary(paper: Canvas, statement: Statement, words: Words) -> None:
    zone = ZoneInfo(statement.zone)
    left = (
        (words.member, statement.customer_id),
        (words.wallet, statement.wallet),
        (words.period, f"{_day(statement.since, zone)} – {_day(statement.until, zone)} ({statement.zone})"),
    )
    for place, (label, value) in enumerate(left):
        y = _HEIGHT - (32 + 6 * place) * mm
        _write(paper, _REGULAR, 9, _GREY, _MARGIN, y, label)
        _write(paper, _REGULAR, 9, _INK, _MARGIN + 28 * mm, y, value)
    for place, (label, value) in enumerate(((words.opening, statement.opening), (words.closing, statement.closing))):
        y = _HEIGHT - (50 + 6 * place) * mm
        _write(paper, _REGULAR, 9, _GREY, _MARGIN, y, label)
        _write(paper, _BOLD, 11, _INK, _MARGIN + 28 * mm, y, _figure(value))
    _chart(paper, statement)


def _chart(paper: Canvas, statement: Statement) -> None:
    """Draw the balance as steps over time."""
    values = [statement.opening, *statement.balances]
    low, high = min(0, *values), max(1, *values)
    seconds = (statement.until - statement.since).total_seconds()

    def y_of(value: int) -> float:
        return _CHART_TOP - _CHART_HEIGHT + _CHART_HEIGHT * (value - low) / (high - low)

    paper.setStrokeColor(_LINE)
    for value in sorted({low, 0, high}):
        paper.line(_MARGIN, y_of(value), _RIGHT - 18 * mm, y_of(value))
        _write(paper, _REGULAR, 7, _GREY, _RIGHT, y_of(value) - 1 * mm, _figure(value), right=True)
    path = paper.beginPath()
    path.moveTo(_MARGIN, y_of(values[0]))
    for line, before, after in zip(statement.lines, values, values[1:], strict=False):
        x = _MARGIN + (_RIGHT - 18 * mm - _MARGIN) * (line.occurred_at - statement.since).total_seconds() / seconds
        path.lineTo(x, y_of(before))
        path.lineTo(x, y_of(after))
    path.lineTo(_RIGHT - 18 * mm, y_of(values[-1]))
    paper.setStrokeColor(_CURVE)
    paper.setLineWidth(1.4)
    paper.drawPath(path)
    paper.setLineWidth(0.5)


def _rows(paper: Canvas, rows: Sequence[_Row], top: float, words: Words) -> None:
    for x, label, right in (
        (_MARGIN, words.date, False),
        (_KIND_AT, words.what, False),
        (_POINTS_AT, words.points, True),
        (_BALANCE_AT, words.balance, True),
    ):
        _write(paper, _REGULAR, 8, _GREY, x, top, label, right=right)
    paper.setStrokeColor(_LINE)
    for place, (day, kind, order_id, points, balance) in enumerate(rows, start=1):
        y = top - _ROW * place
        paper.line(_MARGIN, y + _ROW * 0.68, _RIGHT, y + _ROW * 0.68)
        _write(paper, _REGULAR, 9, _GREY, _MARGIN, y, day)
        _write(paper, _REGULAR, 9, _INK, _KIND_AT, y, words.kinds.get(kind, kind))
        _write(paper, _REGULAR, 7, _GREY, _ORDER_AT, y, order_id[:32])
        _write(paper, _BOLD, 9, _GAIN if points > 0 else _LOSS, _POINTS_AT, y, f"{'+' if points > 0 else ''}{_figure(points)}", right=True)
        _write(paper, _REGULAR, 9, _INK, _BALANCE_AT, y, _figure(balance), right=True)


def _figure(value: int) -> str:
    """Return a number as the four languages all read it: groups of three, with spaces between."""
    return f"{value:,}".replace(",", "\u00a0")
