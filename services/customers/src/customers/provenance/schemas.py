"""Provenance, history and survivorship rules as the interface shows them."""

from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from pydantic import Field

from customers.profiles.details import Source
from customers.provenance.repository import SetRules
from customers.provenance.rules import Change, Entry
from customers.provenance.viewing import FieldView
from shared.http.schemas import InputModel, Moment, OutputModel

MAX_RULES = 100
MAX_SOURCES = 50
ReasonShown = Annotated[
    Literal["latest", "source_order", "survivor", "merged"],
    Field(
        description="latest: told last; source_order: told by a source that is believed more; survivor: the survivor of a merge had it; "
        "merged: the survivor had none."
    ),
]
_SOURCE = Field(description="The system that knows it.", examples=["shop"])
_ACTOR = Field(description="The caller who told it; null for what the service found by itself.", examples=["server:0123456789abcdef"])
_CAUSE = Field(description="The import, merge or event behind it.", examples=["imp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
_RECORD = Field(description="The record that it was told of, by whichever id.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
_CHANGE = Field(description="The change set.", examples=["chg_01jd3z0k7cz9v8w6t5s4r3q2p1"])


class _Told(OutputModel):
    value: Any = Field(description="The value; null where it was emptied.", examples=["Rīga"])
    record_id: str = _RECORD
    change_id: str = _CHANGE
    source: str = _SOURCE
    actor: str | None = _ACTOR
    cause: str | None = _CAUSE
    recorded_at: Moment = Field(description="When it was recorded, UTC.")
    observed_at: Moment | None = Field(description="When it was true, UTC, where the source knows.")


class Candidate(_Told):
    """A value that was told and does not count."""


class FieldProvenance(_Told):
    """Where a value comes from, and why it counts."""

    field: str = Field(description="Its name; each attribute is a field `attributes.<name>`.", examples=["city"])
    reason: ReasonShown
    candidates: list[Candidate] = Field(description="The last that others told of it, newest first.")


class Provenances(OutputModel):
    """Where each field of a profile comes from."""

    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    record_ids: list[str] = Field(description="All records that stand for him, the root first.")
    fields: list[FieldProvenance] = Field(description="Every field that has a value, by name.")


class FieldChange(_Told):
    """A value that a field was given."""

    field: str = Field(description="Its name; each attribute is a field `attributes.<name>`.", examples=["city"])
    withdraws: str | None = Field(
        description="The import that this takes back: its word of the record counts no more, and the value is the last word without it.",
        examples=[None],
    )

    @classmethod
    def of(cls, row: Record, view: FieldView) -> Self:
        """Return what is shown of a row of a history."""
        return cls.model_construct(
            field=row["field"],
            value=view.show(row["field"], row["value"]),
            record_id=row["customer_id"],
            change_id=row["id"],
            source=row["source"],
            actor=row["actor"],
            cause=row["cause"],
            recorded_at=row["recorded_at"],
            observed_at=row["observed_at"],
            withdraws=row["withdraws"],
        )


def candidate_of(name: str, change: Change, view: FieldView) -> Candidate:
    """Return what is shown of a value that does not count."""
    return Candidate.model_construct(**_told(name, change.fields[name], change, view))


def provenance_of(name: str, entry: Entry, losing: list[Change], view: FieldView) -> FieldProvenance:
    """Return what is shown of a value that counts."""
    candidates = [candidate_of(name, change, view) for change in losing]
    told = _told(name, entry.value, entry.change, view)
    return FieldProvenance.model_construct(field=name, reason=entry.reason, candidates=candidates, **told)


def _told(name: str, value: Any, change: Change, view: FieldView) -> dict[str, Any]:
    return {
        "value": view.show(name, value),
        "record_id": change.record_id,
        "change_id": change.id,
        "source": change.provenance.source,
        "actor": change.provenance.actor,
        "cause": change.provenance.cause,
        "recorded_at": change.recorded_at,
        "observed_at": change.provenance.observed_at,
    }


_Sources = Annotated[list[Source], Field(max_length=MAX_SOURCES, min_length=1)]


class SurvivorshipRulesDraft(InputModel):
    """Which source is believed, by field."""

    rules: Annotated[dict[str, _Sources], Field(max_length=MAX_RULES)] = Field(
        description="Sources by field, the most believed first; all others come last, and among equals the latest counts. Fields "
        "without a rule take the latest. Each attribute is a field `attributes.<name>`.",
        examples=[{"phone": ["crm", "shop"]}],
    )


class SurvivorshipRules(OutputModel):
    """Which source is believed, by field; decides what is told from now on."""

    rules: dict[str, list[str]] = Field(description="Sources by field, the most believed first.", examples=[{"phone": ["crm", "shop"]}])
    version: int = Field(description="Counts up; 0 before any were set.", examples=[1])
    set_at: Moment | None = Field(description="UTC.")
    set_by: str | None = Field(description="Who set them.", examples=["server:0123456789abcdef"])

    @classmethod
    def of(cls, rules: SetRules) -> Self:
        """Return what is shown of the rules."""
        return cls.model_construct(**rules._asdict())
