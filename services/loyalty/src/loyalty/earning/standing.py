"""Occasions with the tier that their customers had: before what happened, as far as it was known when it was decided."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from loyalty.programmes.rules import Programme
from loyalty.rules.rules import Occasion
from loyalty.tiers import repository, service
from loyalty.tiers.rules import Scheme, Stood
from shared.database.pool import Connection


async def schemes_of(connection: Connection, programme: Programme) -> list[Scheme]:
    """Return how tiers are reached in a programme: nothing, and no round trip, where it has none."""
    return (await repository.schemes(connection, programme.id)).get(programme.id, []) if programme.is_tiered else []


def rounds(occasions: Sequence[Occasion], schemes: Sequence[Scheme]) -> list[list[Occasion]]:
    """Return occasions in the parts in which they have to be decided, one after the other.

    Where points lead to tiers, what one occasion earns can raise the tier by which the next one of the customer earns.
    """
    if not any(scheme.measure == "points" for scheme in schemes):
        return [list(occasions)]
    own: dict[str, list[Occasion]] = defaultdict(list)
    for occasion in sorted(occasions, key=lambda occasion: (occasion.occurred_at, occasion.source_id)):
        own[occasion.customer_id].append(occasion)
    longest = max((len(some) for some in own.values()), default=0)
    return [[some[place] for some in own.values() if place < len(some)] for place in range(longest)]


async def with_tiers(
    connection: Connection, programme: Programme, occasions: Sequence[Occasion], schemes: Sequence[Scheme]
) -> list[Occasion]:
    """Return occasions with their customers' tiers among the traits, from which they can be decided again."""
    if not schemes:
        return list(occasions)
    found = await service.standings_at(connection, programme.id, [(o.customer_id, o.occurred_at) for o in occasions], schemes)
    return [with_tier(occasion, standing, programme) for occasion, standing in zip(occasions, found, strict=True)]


def with_tier(occasion: Occasion, standing: Stood, programme: Programme) -> Occasion:
    """Return an occasion with the tier that its customer had in a programme."""
    if standing.tier is None or standing.scheme is None:
        return occasion
    told = {"programme_id": programme.id, "version": standing.scheme.version, "multiplier": standing.benefits.get("multiplier", "1")}
    return replace(occasion, traits={**occasion.traits, "tier": standing.tier, "tier_gives": told})
