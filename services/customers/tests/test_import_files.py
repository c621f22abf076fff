"""How files are read: the same rows however they are cut, in every encoding and with every delimiter."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.imports import repository as imports
from customers.imports import undo_repository
from customers.imports.detection import DELIMITERS, detect_delimiter, detect_encoding
from customers.imports.mapping import CellRefused, Link, suggested, told_by
from customers.imports.records import MAX_RECORD_BYTES, Broken, Shape, cut
from customers.profiles.rules import FIELDS
from shared.testing.plans import plan_of

_COLUMNS = ("a", "b")
_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=6)
_ROWS = st.lists(st.tuples(_CELLS, _CELLS), max_size=12)


def written(rows, delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


@given(rows=_ROWS, size=st.integers(1, 60), limit=st.integers(1, 5), delimiter=st.sampled_from(DELIMITERS))
def test_rows_are_the_same_however_the_file_is_cut(rows, size, limit, delimiter):
    content = written(rows, delimiter)
    shape = Shape("csv", "utf-8", delimiter, _COLUMNS)
    records, position = [], 0
    while position < len(content):
        length = size
        while True:
            piece = content[position : position + length]
            found = cut(shape, piece, last=position + len(piece) >= len(content), limit=limit)
            # In earnest a piece is longer than any record.
            if not any(isinstance(record, Broken) and record.code == "row_too_long" for record in found.records):
                break
            length *= 2
        assert found.length > 0
        assert len(found.records) <= limit
        records += found.records
        position += found.length
    assert position == len(content)
    expected = [dict(zip(_COLUMNS, row, strict=True)) if any(row) else None for row in rows]
    assert [None if isinstance(record, Broken) else record for record in records] == expected


def test_a_quote_that_is_never_closed_costs_its_row_only():
    content = b'C-1,"never closed\n' + b"C-2,fine\n" * (MAX_RECORD_BYTES // 9 + 10)
    shape = Shape("csv", "utf-8", ",", _COLUMNS)
    first = cut(shape, content, last=False, limit=10)
    assert [record.code for record in first.records if isinstance(record, Broken)] == ["row_too_long"]
    assert first.length == len(b'C-1,"never closed\n')
    assert cut(shape, content[first.length :], last=False, limit=3).records == [{"a": "C-2", "b": "fine"}] * 3


def test_bytes_of_another_encoding_cost_their_row_only():
    content = "C-1,Rīga\n".encode() + "C-2,Rīga\n".encode("cp1257") + b"C-3,Ogre\n"
    found = cut(Shape("csv", "utf-8", ",", _COLUMNS), content, last=True, limit=10)
    assert [record.code if isinstance(record, Broken) else record["b"] for record in found.records] == ["Rīga", "encoding_invalid", "Ogre"]


_TEXTS = {
    "cp1251": "имя;город\nПётр Ильич Чайковский;Клин\nАнна Ахматова;Санкт-Петербург\n",
    "cp1257": "vārds;pilsēta\nIlze Bērziņa;Rīga\nJānis Kalniņš;Cēsis\n",
    "gb18030": "姓名,城市\n王伟,北京\n李娜,上海\n",
    "cp1252": "name;city\nJürgen Müller;Köln\nFrançois Lefèvre;Besançon\n",
    "utf-8": "vārds;имя;姓名\n",
}


@pytest.mark.parametrize("encoding", list(_TEXTS))
def test_encodings_are_told_apart(encoding):
    assert detect_encoding(_TEXTS[encoding].encode(encoding), whole=True) == encoding


@given(st.text(min_size=1), st.integers(1, 40))
def test_utf_8_is_seen_even_when_its_last_character_is_cut(text, length):
    content = text.encode("utf-8", "ignore")[:length]
    assert detect_encoding(content, whole=False) in ("utf-8", "utf-16")


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_delimiters_are_told_apart(delimiter):
    rows = [["id", "name", "price"], ["1", "Anna, Maria; and | others", "1,5"], ["2", "Eva", "2,5"]]
    assert detect_delimiter(written(rows, delimiter).decode()) == delimiter


def test_columns_find_their_fields_in_four_languages():
    columns = ["E-Mail", "Tālrunis", "Имя", "城市", "Date of birth", "attributes.size", "shoe"]
    found = {link.column: link.field for link in suggested(columns, frozenset(FIELDS))}
    assert found == {
        "E-Mail": "email",
        "Tālrunis": "phone",
        "Имя": "name",
        "城市": "city",
        "Date of birth": "birth_date",
        "attributes.size": "attributes.size",
    }


@pytest.mark.parametrize(
    ("link", "cell", "value"),
    [
        (Link("c", "name", ("trim", "title")), "  anna liepa ", "Anna Liepa"),
        (Link("c", "phone", ("digits",)), "+371 (26) 123-456", "+37126123456"),
        (Link("c", "birth_date", ("trim",), "%d.%m.%Y"), "14.03.1985", "1985-03-14"),
        (Link("c", "sex", ("trim",), None, {"s": "female"}), "S", "female"),
        (Link("c", "name"), "'=cmd", "=cmd"),
        (Link("c", "name"), "  ", None),
    ],
)
def test_cells_become_values(link, cell, value):
    assert told_by({"c": cell}, [link], "clear")[link.field] == value


@pytest.mark.parametrize(("transform", "cell"), [("number", "many"), ("boolean", "maybe"), ("json", "{")])
def test_cells_that_are_not_what_they_should_be_are_refused(transform, cell):
    with pytest.raises(CellRefused):
        told_by({"c": cell}, [Link("c", "attributes.x", (transform,))], "keep")


@pytest.mark.parametrize(
    ("index", "statement", "values"),
    [
        ("ix_imports_created_at_id", imports._PAGE_AFTER, "now(), 'x', 20"),
        ("ix_imports_expires_at", imports._EXPIRED, "now()"),
        ("pk_import_files", imports._PIECES, "'x', 0, 1"),
        ("pk_import_errors", imports._ERRORS, "'x', 0, 0::smallint, 100"),
        ("ix_profile_changes_cause", undo_repository._RECORDS, "'imp_1', '', 1000"),
    ],
)
async def test_the_index_is_used(database, index, statement, values):
    async with database.acquire() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await plan_of(connection, statement, values)
    assert index in plan, plan
