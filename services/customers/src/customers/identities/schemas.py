"""Identities and their rules as the interface shows them."""

from typing import Annotated, Literal, Self

from fastapi import Path
from pydantic import Field

from customers.identities.rules import MAX_SHARED, MAX_VALUE_LENGTH, Block, IdentityKind, IdentityRules, Limit
from customers.identities.service import Shown
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel

_MAX_BLOCKED = 1_000
# Enough for any text between; more make a pattern slow.
_PATTERN = r"^[^*]*(\*[^*]*){0,2}$"
_Source = Annotated[str, Field(min_length=1, max_length=100, description="Who gives out such identifiers.", examples=["shop"])]

IdentityIdInPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="The identity.", examples=["idn_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]


class IdentityDraft(InputModel):
    """An identifier that a customer was seen with."""

    kind: IdentityKind = Field(description="What it is.", examples=["device"])
    value: str = Field(min_length=1, max_length=MAX_VALUE_LENGTH, description="Kept in its normal form.", examples=["A1B2-C3D4"])
    source: _Source | None = Field(default=None, description="Who gives out such identifiers; nothing to e-mail and phone.")
    seen_at: MomentInput | None = Field(default=None, description="When he was seen with it; now when absent.")


class CustomerIdentity(OutputModel):
    """An identifier of a customer."""

    id: str = Field(description="`idn_…`, or `profile.…` for a field of the profile.", examples=["idn_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The record that it was told of.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: IdentityKind = Field(description="What it is.", examples=["device"])
    value: str = Field(description="In its normal form; masked for who may not see contact data.", examples=["a1b2c3d4"])
    source: str | None = Field(description="Who gives out such identifiers.", examples=["shop"])
    standing: Literal["resolves", "blocked", "shared"] = Field(
        description="Whether it leads to the customer, or to nobody: a rule blocks the value, or too many share it.", examples=["resolves"]
    )
    first_seen_at: Moment = Field(description="UTC.")
    last_seen_at: Moment = Field(description="UTC.")

    @classmethod
    def of(cls, shown: Shown, value: str) -> Self:
        """Return what is shown of an identity."""
        kept = shown.kept
        return cls(
            id=kept.id,
            customer_id=kept.customer_id,
            kind=kept.identity.kind,
            value=value,
            source=kept.identity.source or None,
            standing=shown.standing,
            first_seen_at=kept.first_seen_at,
            last_seen_at=kept.last_seen_at,
        )


class CustomerIdentities(OutputModel):
    """All identifiers of a customer."""

    data: list[CustomerIdentity] = Field(description="By when they were first seen.")


class IdentityLimit(InputModel):
    """How far a kind of identifier is trusted."""

    max_customers: int = Field(
        ge=1, le=MAX_SHARED, description="A value that more customers have leads to none of them and merges nobody.", examples=[3]
    )
    max_values: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="Values that one customer may be given in the period; null for any number.",
        examples=[10],
    )
    period_days: int | None = Field(default=None, ge=1, le=3_650, description="Length of the period; for ever when null.", examples=[365])


class IdentityBlock(InputModel):
    """Values that identify nobody."""

    pattern: str = Field(
        min_length=1, max_length=200, pattern=_PATTERN, description="The value, in any case; `*` stands for any text.", examples=["info@*"]
    )
    kind: IdentityKind | None = Field(default=None, description="Only for this kind; for all when null.", examples=["email"])


class IdentityRuleSet(InputModel):
    """When an identifier is not trusted."""

    limits: dict[IdentityKind, IdentityLimit] = Field(description="By kind; one that is left out has no limit but 100 customers.")
    blocked: list[IdentityBlock] = Field(max_length=_MAX_BLOCKED, description="Values that never lead to anybody.")

    def rules(self) -> IdentityRules:
        """Return the rules that this says."""
        limits = {kind: Limit(limit.max_customers, limit.max_values, limit.period_days) for kind, limit in self.limits.items()}
        return IdentityRules(limits, tuple(Block(each.pattern, each.kind) for each in self.blocked))


class IdentityRulesView(OutputModel):
    """When an identifier is not trusted, as it is at present."""

    limits: dict[IdentityKind, IdentityLimit] = Field(description="By kind.")
    blocked: list[IdentityBlock] = Field(description="Values that never lead to anybody.")

    @classmethod
    def of(cls, rules: IdentityRules) -> Self:
        """Return what is shown of rules."""
        return cls.model_validate(
            {
                "limits": {
                    kind: IdentityLimit(max_customers=each.max_customers, max_values=each.max_values, period_days=each.period_days)
                    for kind, each in rules.limits.items()
                },
                "blocked": [IdentityBlock(pattern=each.pattern, kind=each.kind) for each in rules.blocked],
            }
        )
