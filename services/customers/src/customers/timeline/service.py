"""What the other slices add to a customer's timeline, and what is read from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.links import repository as links
from customers.timeline import repository
from customers.timeline.repository import StoredTouch, Touch
from customers.timeline.rules import JOURNEY_STAGES, Felt, change_between, period_before
from shared.database.pool import Connection

__all__ = ["Touch", "record"]

_MAX_EXAMPLES = 5


async def record(connection: Connection, touches: Sequence[Touch]) -> None:
    """Add touches to their customers' timelines, in the caller's transaction and in one round trip.

    A touch that was recorded under its kind and source before is replaced.
    """
    await repository.record(connection, touches)


async def page(
    connection: Connection, customer_id: str, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int
) -> list[StoredTouch]:
    """Return the touches of a customer's family, newest first, after a sort key.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    return await repository.page(connection, family.ids, filters, after, limit)


async def family(connection: Connection, customer_id: str) -> list[str]:
    """Return every record of a customer's family.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    return (await links.family(connection, customer_id)).ids


async def pain_points(connection: Connection, starts_at: datetime, ends_at: datetime, channel: str | None) -> list[dict[str, Any]]:
    """Return for each stage of the journey how much it hurts, most negative touches first.

    Raises:
        PeriodRefused: the period is empty or too long.
    """
    before_at = period_before(starts_at, ends_at)
    rows = {row["journey_stage"]: row for row in await repository.felt(connection, before_at, starts_at, ends_at, channel)}
    found = await repository.examples(connection, starts_at, ends_at, channel, _MAX_EXAMPLES, [*rows])
    points = [_pain_point(stage, rows.get(stage), [row for row in found if row["journey_stage"] == stage]) for stage in JOURNEY_STAGES]
    return sorted(points, key=lambda point: -point["negative"])


def _pain_point(stage: str, row: Record | None, found: Sequence[Record]) -> dict[str, Any]:
    now, before = (Felt(*row[1:4]), Felt(*row[4:7])) if row is not None else (Felt(), Felt())
    return {
        "journey_stage": stage,
        **_shown(now),
        "before": _shown(before),
        "change": change_between(now, before),
        "examples": [dict(each) for each in found],
    }


def _shown(felt: Felt) -> dict[str, Any]:
    return {
        "touches": felt.touches,
        "negative": felt.negative,
        "low_responses": felt.low_responses,
        "share": felt.share,
        "interval": felt.interval,
    }


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete what the timeline holds of records; return how many rows of each kind of record."""
    return {"touches": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what the timeline holds of records."""
    return {"touches": [dict(row) for row in await repository.collect(connection, ids)]}
