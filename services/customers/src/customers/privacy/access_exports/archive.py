"""The archive that a customer is given: all data as JSON, by service and kind, and a page that reads without tools."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

import orjson

Records = Mapping[str, Sequence[Mapping[str, Any]]]

_STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
th,td{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}
"""
# Title, sentence before the tables, and what stands in for nothing.
_WORDS: Mapping[str, tuple[str, str, str]] = {
    "en": ("Your data", "This is all that we keep of you, as of", "nothing"),
    "ru": ("Ваши данные", "Это всё, что мы храним о вас, по состоянию на", "ничего"),
    "zh": ("您的数据", "以下是我们保存的关于您的全部数据，截至", "无"),
    "lv": ("Jūsu dati", "Šis ir viss, ko mēs par jums glabājam, uz", "nekas"),
}
# The page is for reading; the JSON files hold everything.
_MAX_SHOWN = 1_000


def build(answers: Mapping[str, Records], *, customer_id: str, requested_at: datetime, language: str) -> bytes:
    """Return the archive as a ZIP file.

    Args:
        answers: records of each service, by kind.
        customer_id: whose data it is.
        requested_at: as of when.
        language: of the page: en, ru, zh or lv.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", _index(answers, customer_id, requested_at, language))
        for service in sorted(answers):
            for kind, records in sorted(answers[service].items()):
                name = f"{_safe(service)}/{_safe(kind)}.json"
                archive.writestr(name, orjson.dumps(records, option=orjson.OPT_INDENT_2))
    return file.getvalue()


def _safe(name: str) -> str:
    """Return a name that cannot lead out of the archive's folder."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)


def _index(answers: Mapping[str, Records], customer_id: str, requested_at: datetime, language: str) -> str:
    title, sentence, nothing = _WORDS[language]
    parts = [f"<h1>{title}</h1><p>{sentence} {requested_at.isoformat(timespec='seconds')} · {escape(customer_id)}</p>"]
    for service in sorted(answers):
        parts.append(f"<h2>{escape(service)}</h2>")
        kept = {kind: records for kind, records in sorted(answers[service].items()) if records}
        parts += [_table(kind, records) for kind, records in kept.items()] or [f"<p>{nothing}</p>"]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="{language}"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _table(kind: str, records: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for record in records[:_MAX_SHOWN] for name in record))
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(record.get(column))}</td>' for column in columns)}</tr>" for record in records[:_MAX_SHOWN])
    return f"<h3>{escape(kind)} ({len(records)})</h3><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape(value if isinstance(value, str) else orjson.dumps(value).decode())
