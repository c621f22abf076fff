"""Reads a piece of a file into customers as the interface would take them; runs beside the event loop, in a process of its own.

A row passes exactly the checks that a request passes: the same models, the same rules.
"""

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from customers.attributes.rules import Catalogue
from customers.identities.rules import Identity
from customers.imports.mapping import OBSERVED_AT, CellRefused, Empty, Link, told_by
from customers.imports.preparing import Prepared, columns_of, prepare
from customers.imports.records import Broken, Shape, cut
from customers.imports.targets import Key, identities_in, keys_of
from customers.profiles.schemas import CustomerDraft, fields_of
from customers.profiles.service import checked
from customers.provenance.rules import check_observed_at
from shared.errors import DomainError
from shared.http.body import nul_path
from shared.http.problems import problem_of

_DRAFT = TypeAdapter(CustomerDraft)
# A row with more mistakes is told its first ones.
_MAX_REFUSALS = 5
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of a file become customers.

    Attributes:
        shape: how the file is read.
        links: which column leads to which field.
        empty: what an empty cell means.
        match: the identities that rows are matched by.
        today: for the rules on dates.
        known: the definitions of attributes.
    """

    shape: Shape
    links: tuple[Link, ...]
    empty: Empty
    match: tuple[str, ...]
    today: date
    known: Catalogue

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of customers that the rows fill."""
        return columns_of(frozenset(link.field.partition(".")[0] for link in self.links))


class Draft(NamedTuple):
    """A row that is a customer.

    Attributes:
        row: its number.
        keys: the identities it is matched by, in the form that is compared; one at least.
        told: what it tells, packed: of a customer whom nobody knows, it is not looked at again.
        prepared: what he is if nobody knows him.
        observed_at: when it was true, where the row tells.
        identities: further ones that it tells, by their target.
    """

    row: int
    keys: tuple[Key, ...]
    told: bytes
    prepared: Prepared
    observed_at: datetime | None = None
    identities: Mapping[str, Identity] = {}

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it tells."""
        return pickle.loads(self.told)  # noqa: S301 - packed by `_read`

    def names(self) -> Iterable[str]:
        """Return the fields and identities that it tells."""
        return [*self.fields, *self.identities]


class Refusal(NamedTuple):
    """What is wrong with a row; holds no value of it."""

    row: int
    pointer: str
    code: str
    detail: str


@dataclass(slots=True)
class Parsed:
    """What a piece of a file holds.

    Attributes:
        drafts: the good rows.
        refusals: what is wrong with the others.
        read: rows in it, without the empty ones.
        refused: how many of them are refused.
        length: bytes that they take.
        next_row: number of the row behind them.
    """

    drafts: list[Draft] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    read: int = 0
    refused: int = 0
    length: int = 0
    next_row: int = 0


def parse(plan: Plan, piece: bytes, first_row: int, limit: int, *, last: bool) -> Parsed:
    """Return the rows at the beginning of a piece.

    Args:
        plan: how they are read.
        piece: from the beginning of a row.
        first_row: number of its first row.
        limit: rows at most.
        last: whether the file ends with it.
    """
    found = cut(plan.shape, piece, last=last, limit=limit)
    columns = plan.columns
    # No row needs a look at each of its texts when the whole piece has no such character, nor its escape in JSON.
    may_hold_nul = b"\x00" in piece or rb"\u0000" in piece
    parsed = Parsed(length=found.length, next_row=first_row + len(found.records))
    for row, record in enumerate(found.records, first_row):
        if isinstance(record, Broken) and record.code == "row_empty":
            continue
        parsed.read += 1
        read = _read(plan, columns, row, record, may_hold_nul=may_hold_nul)
        if isinstance(read, Draft):
            parsed.drafts.append(read)
        else:
            parsed.refused += 1
            parsed.refusals += read[:_MAX_REFUSALS]
    return parsed


def _read(
    plan: Plan, columns: tuple[str, ...], row: int, record: Mapping[str, Any] | Broken, *, may_hold_nul: bool
) -> Draft | list[Refusal]:
    if isinstance(record, Broken):
        return [Refusal(row, "", record.code, record.detail)]
    try:
        told = told_by(record, plan.links, plan.empty)
        if may_hold_nul and nul_path(told) is not None:
            return [Refusal(row, "", "nul_character", "Text must not hold the character U+0000.")]
        # What a new customer must have is seen once it is known who is new.
        identities = identities_in(told.pop("identities", _NONE))
        told = fields_of(_DRAFT.validate_python(told))
        observed_at = told.pop(OBSERVED_AT, None)
        if observed_at is not None:
            check_observed_at(observed_at, datetime.combine(plan.today, time.max, UTC))
        fields = checked(told, plan.today, plan.known, {}, texts=True)
    except CellRefused as refused:
        return [Refusal(row, "", refused.code, refused.detail)]
    except (ValidationError, DomainError) as error:
        return _refusals(row, error)
    keys = keys_of(plan.match, fields, identities)
    if not keys:
        return [Refusal(row, f"/{plan.match[0]}", "identity_missing", "The row lacks every identity that rows are matched by.")]
    prepared = prepare(fields, columns, observed_at)
    return Draft(row, keys, pickle.dumps(fields, pickle.HIGHEST_PROTOCOL), prepared, observed_at, identities)


def _refusals(row: int, error: ValidationError | DomainError) -> list[Refusal]:
    problem = problem_of(error)
    found = [Refusal(row, each["pointer"], each["code"], each["detail"]) for each in problem.get("errors", ())]
    return found or [Refusal(row, "", problem["code"], problem.get("detail") or problem["title"])]
