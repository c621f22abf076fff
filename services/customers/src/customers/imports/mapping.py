"""Which column leads to which field, and what is done with a cell on its way: pure."""

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from customers.imports.errors import ColumnUnknown, FieldUnknown, HeaderRefused, MatchRefused, MatchUnmapped, NothingMapped
from customers.imports.targets import ANY, ATTRIBUTES, identity_of, may_identify
from customers.profiles.rules import FIELDS, LISTS, OBJECTS

Transform = Literal["trim", "lower", "upper", "title", "digits", "number", "boolean", "json"]
Empty = Literal["keep", "clear"]

# When the row's system saw what the row tells.
OBSERVED_AT = "observed_at"
# Where columns may lead to, besides single attributes.
TARGETS = frozenset({*FIELDS, OBSERVED_AT})
# Lists and objects stand in a table as JSON, as exports write them.
_OF_JSON = frozenset({*OBJECTS, *LISTS})
_TEXT_FIELDS = frozenset({"name", "city"})
_TRUE = frozenset({"1", "true", "yes", "y", "да", "jā", "ja", "是"})
_FALSE = frozenset({"0", "false", "no", "n", "нет", "nē", "ne", "否"})
_FORMULA_SIGNS = frozenset("=+-@\t\r")
_TRIM: tuple[Transform, ...] = ("trim",)
_SEPARATORS = re.compile(r"[\s_\-./]+")
# How spreadsheets call the fields; compared without case, accents and separators.
_COMMON_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("externalid", "extid", "customerid", "clientid", "id", "код", "kods", "编号"), "external_id"),
    **dict.fromkeys(("name", "fullname", "имя", "фио", "vards", "姓名"), "name"),
    **dict.fromkeys(("email", "mail", "emailaddress", "почта", "epasts", "邮箱"), "email"),
    **dict.fromkeys(("phone", "mobile", "phonenumber", "телефон", "talrunis", "telefons", "电话", "手机"), "phone"),
    **dict.fromkeys(("city", "town", "город", "pilseta", "城市"), "city"),
    **dict.fromkeys(("country", "countrycode", "страна", "valsts", "国家"), "country"),
    **dict.fromkeys(("language", "lang", "язык", "valoda", "语言"), "language"),
    **dict.fromkeys(("birthdate", "dateofbirth", "birthday", "датарождения", "dzimsanasdatums", "出生日期"), "birth_date"),
    **dict.fromkeys(("sex", "gender", "пол", "dzimums", "性别"), "sex"),
    **dict.fromkeys(("card", "cardnumber", "loyaltycard", "карта", "номеркарты", "karte", "kartesnumurs", "卡号"), "identities.card"),
    **dict.fromkeys(("kind", "type", "тип", "veids"), "kind"),
}


class CellRefused(Exception):
    """A cell that its transforms cannot read."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Link:
    """The way of one column.

    Attributes:
        column: its name.
        field: where its cells go; `attributes.x` is one attribute, `identities.card` a further identity.
        transforms: applied in order.
        date_format: how it writes dates, as `strptime` reads them; None for RFC 3339.
        values: what stands for what, compared without case; others pass.
    """

    column: str
    field: str
    transforms: tuple[Transform, ...] = _TRIM
    date_format: str | None = None
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)


def suggested(columns: Iterable[str], fields: frozenset[str]) -> list[Link]:
    """Return the links of the columns that are called like a field, in the four languages."""
    found: dict[str, Link] = {}
    for column in columns:
        name = column.strip()
        is_target = name in fields or name.startswith(ATTRIBUTES) or identity_of(name) is not None
        target = name if is_target else _COMMON_NAMES.get(_bare(name))
        if target is not None and target not in found:
            found[target] = Link(column, target, ("trim", "json") if target in _OF_JSON else ("trim",))
    return list(found.values())


def check_header(columns: Sequence[str]) -> None:
    """Refuse a header whose columns cannot be told apart.

    Raises:
        HeaderRefused: a column has no name, or the name of another.
    """
    if len(set(columns)) < len(columns) or not all(columns):
        raise HeaderRefused


def check_links(links: Sequence[Link], columns: Sequence[str], fields: frozenset[str]) -> None:
    """Refuse links that lead from or to nowhere.

    Args:
        links: of the mapping.
        columns: of the file; empty when each record names its own.
        fields: of customers.

    Raises:
        ColumnUnknown: the file has no such column.
        FieldUnknown: customers have no such field, or several columns lead to one that is not put together.
        NothingMapped: there are none.
    """
    if not links:
        raise NothingMapped(pointer="/mapping")
    met: set[str] = set()
    for link in links:
        if columns and link.column not in columns:
            raise ColumnUnknown(pointer=_pointer(link.column))
        is_attribute = link.field.startswith(ATTRIBUTES) and len(link.field) > len(ATTRIBUTES)
        if not is_attribute and link.field not in fields and identity_of(link.field) is None:
            raise FieldUnknown(pointer=_pointer(link.column))
        if link.field in met and link.field not in _TEXT_FIELDS:
            raise FieldUnknown("Several columns lead to one field.", pointer=_pointer(link.column))
        met.add(link.field)


def matched_by(match: str, links: Sequence[Link], unique: Sequence[str]) -> list[str]:
    """Return the identities that rows are matched by.

    Args:
        match: their names with commas between them, or `any` for all that the links lead to.
        links: of the mapping.
        unique: names of the attributes that no two customers share.

    Raises:
        MatchRefused: one of them identifies nobody.
        MatchUnmapped: no column leads to one of them, or to any.
    """
    mapped = [link.field for link in links]
    if match == ANY:
        found = [target for target in dict.fromkeys(mapped) if may_identify(target, unique)]
    else:
        found = list(dict.fromkeys(name.strip() for name in match.split(",")))
        if not all(may_identify(target, unique) for target in found):
            raise MatchRefused(pointer="/match")
    if not found or not set(mapped).issuperset(found):
        raise MatchUnmapped(pointer="/match")
    return found


def told_by(record: Mapping[str, Any], links: Sequence[Link], empty: Empty) -> dict[str, Any]:
    """Return the fields that a record tells, as the interface takes them, and as `identities` its further ones.

    Args:
        record: cells by column; objects of NDJSON may hold more than text.
        links: of the mapping.
        empty: whether an empty cell leaves a field as it is or empties it.

    Raises:
        CellRefused: a cell is not what its transforms expect.
    """
    told: dict[str, Any] = {}
    # Attributes and identities, each in a column of its own.
    members: dict[str, dict[str, Any]] = {}
    for link in links:
        if link.column not in record:
            continue
        value = record[link.column]
        # What most cells are, without the general way.
        if type(value) is str and link.transforms == _TRIM and link.date_format is None and not link.values and value[:1] != "'":
            value = value.strip() or None
        else:
            value = _read(value, link)
        if value is None and empty == "keep":
            continue
        name, dot, member = link.field.partition(".")
        if dot:
            members.setdefault(name, {})[member] = value
        elif name == "attributes" and isinstance(value, dict):
            members.setdefault(name, {}).update(value)
        elif told.get(name) is not None and value is not None:
            told[name] = f"{told[name]} {value}"
        elif name not in told or value is not None:
            told[name] = value
    return told | members


def _read(value: Any, link: Link) -> Any:
    if not isinstance(value, str):
        return value
    # What keeps spreadsheets from taking a text for a formula.
    if value[:1] == "'" and value[1:2] in _FORMULA_SIGNS:
        value = value[1:]
    try:
        for transform in link.transforms:
            if not isinstance(value, str):
                break
            value = _TRANSFORMS[transform](value)
        if not isinstance(value, str):
            return value
        value = link.values.get(value.casefold(), value) if link.values else value
        if not value.strip():
            return None
        if link.date_format is not None:
            return _dated(value, link.date_format, link.field)
    except (ValueError, OverflowError):
        raise CellRefused("cell_refused", "The cell is not what its transforms or its date format expect.") from None
    return value


def _dated(text: str, date_format: str, field: str) -> str:
    moment = datetime.strptime(text, date_format)  # noqa: DTZ007 - a date has no zone
    if field != OBSERVED_AT:
        return moment.date().isoformat()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _number(text: str) -> Any:
    bare = text.replace("\u00a0", "").replace(" ", "")
    if not bare:
        return ""
    if "," in bare and "." not in bare:
        bare = bare.replace(",", ".")
    number = float(bare)
    return int(bare) if bare.lstrip("+-").isdigit() else number


def _boolean(text: str) -> Any:
    word = text.strip().casefold()
    if not word:
        return ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError


def _json(text: str) -> Any:
    return orjson.loads(text) if text.strip() else ""


_TRANSFORMS: Mapping[Transform, Callable[[str], Any]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "digits": lambda text: re.sub(r"[^0-9+]", "", text),
    "number": _number,
    "boolean": _boolean,
    "json": _json,
}


def _bare(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return _SEPARATORS.sub("", "".join(letter for letter in decomposed if not unicodedata.combining(letter)))


def _pointer(column: str) -> str:
    return "/mapping/" + column.replace("~", "~0").replace("/", "~1")
