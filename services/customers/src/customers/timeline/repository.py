"""Every query on touches."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from shared.database.pool import Connection
from shared.ids import new_id

_COLUMNS = "id, customer_id, kind, channel, journey_stage, sentiment, occurred_at, source_id, summary"
# In one order, so that two batches never wait for each other in a circle.
_RECORD = f"""
INSERT INTO touches AS present ({_COLUMNS})
SELECT id, customer_id, kind, channel, journey_stage, sentiment, occurred_at, source_id, summary::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
    AS t ({_COLUMNS})
ORDER BY kind, source_id
ON CONFLICT (kind, source_id) DO UPDATE
SET customer_id = excluded.customer_id, channel = excluded.channel, journey_stage = excluded.journey_stage,
    sentiment = excluded.sentiment, occurred_at = excluded.occurred_at, summary = excluded.summary, written_in = excluded.written_in
WHERE (present.customer_id, present.channel, present.journey_stage, present.sentiment, present.occurred_at, present.summary)
    IS DISTINCT FROM
    (excluded.customer_id, excluded.channel, excluded.journey_stage, excluded.sentiment, excluded.occurred_at, excluded.summary)
"""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Touch(NamedTuple):
    """One touch between a customer and the company, to be recorded.

    Attributes:
        customer_id: the record that it was made for.
        kind: what it was, such as order, return, call or consent; lower case with underscores.
        source_id: the id of what it tells of, unique within its kind; recorded again under it, it is replaced.
        occurred_at: when.
        channel: where, such as web, shop or phone.
        journey_stage: attention, consideration, decision, purchase, service or advocacy.
        sentiment: negative, neutral or positive, when known.
        summary: a few facts that a list shows, JSON; no contact data and no long text.
    """

    customer_id: str
    kind: str
    source_id: str
    occurred_at: datetime
    channel: str | None = None
    journey_stage: str | None = None
    sentiment: str | None = None
    summary: Mapping[str, Any] = _NOTHING


async def record(connection: Connection, touches: Sequence[Touch]) -> None:
    """Write touches; of several of one kind and source the last counts."""
    latest = {(touch.kind, touch.source_id): touch for touch in touches}
    if not latest:
        return
    rows = [
        (
            new_id("tch"),
            touch.customer_id,
            touch.kind,
            touch.channel,
            touch.journey_stage,
            touch.sentiment,
            touch.occurred_at,
            touch.source_id,
            orjson.dumps(dict(touch.summary)).decode(),
        )
        for touch in latest.values()
    ]
    await connection.execute(_RECORD, *(list(column) for column in zip(*rows, strict=True)))
