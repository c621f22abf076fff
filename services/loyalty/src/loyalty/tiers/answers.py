"""How a member's tier is told, to himself and on his home screen."""

from datetime import datetime

from loyalty.texts import in_language
from loyalty.tiers.rules import Standing
from loyalty.tiers.schemas import Benefits, MemberTier


def member_tier_of(customer_id: str, found: Standing, moment: datetime, language: str | None) -> MemberTier:
    """Return the answer for where a member stands at a moment, its title in a language."""
    scheme = found.scheme
    name = scheme.tiers[scheme.level_of(found.tier) - 1].name if scheme is not None and found.tier is not None else None
    counts_from, counts_until = scheme.window_at(moment) if scheme is not None else (None, None)
    return MemberTier(
        customer_id=customer_id,
        as_of=moment,
        tier=found.tier,
        name=dict(name) if name is not None else None,
        title=in_language(name, language) if name is not None else None,
        since=found.since,
        until=found.until,
        falls_to=found.falls_to,
        measure=scheme.measure if scheme is not None else None,
        progress=found.progress,
        counts_from=counts_from,
        counts_until=counts_until,
        next_tier=found.next,
        missing=found.distance,
        benefits=Benefits.model_validate(found.benefits) if found.tier is not None else None,
    )


def timeless(answer: MemberTier) -> MemberTier:
    """Return an answer without the instant that was looked at, which would make every answer another one."""
    return answer.model_copy(update={"as_of": None, "counts_from": None})
