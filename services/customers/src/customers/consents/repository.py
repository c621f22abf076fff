"""Every query on consents and decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from customers.consents.rules import Held, LegalBasis, Link, State, Verdict
from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.ids import new_id

MAX_HISTORY = 500

# The lock keeps an erasure from ending between this look and the write.
_PREPARE = """
SELECT c.root_id, c.language, coalesce(p.double_opt_in, false) AS double_opt_in
FROM customers AS c LEFT JOIN consent_purposes AS p ON p.purpose = $2
WHERE c.id = $1 AND c.root_id IS NOT NULL FOR KEY SHARE OF c
"""
# What was observed earlier than the present answer is kept in the history and changes nothing else.
_RECORD = """
WITH kept AS (
    INSERT INTO consents AS c (id, customer_id, purpose, channel, state, source, text_version, observed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (customer_id, purpose, channel) DO UPDATE SET
        version = c.version + 1, changed_at = now(),
        state = CASE WHEN excluded.observed_at >= c.observed_at THEN excluded.state ELSE c.state END,
        source = CASE WHEN excluded.observed_at >= c.observed_at THEN excluded.source ELSE c.source END,
        text_version = CASE WHEN excluded.observed_at >= c.observed_at THEN excluded.text_version ELSE c.text_version END,
        number = CASE WHEN excluded.observed_at >= c.observed_at THEN excluded.number ELSE c.number END,
        observed_at = greatest(c.observed_at, excluded.observed_at)
    RETURNING *
), proven AS (
    INSERT INTO consent_history (
        consent_id, version, customer_id, purpose, channel, state, source, text_version, text_sha256, observed_at, actor
    )
    SELECT id, version, customer_id, purpose, channel, $5, $6, $7,
        (SELECT sha256 FROM consent_texts AS t WHERE t.purpose = $3 AND t.text_version = $7), $8, $9
    FROM kept
)
SELECT id, version, customer_id, purpose, channel, state, changed_at FROM kept
"""
_LOCK = "SELECT id, version, customer_id, purpose, channel, state, source, text_version FROM consents WHERE id = $1 FOR UPDATE"
_MEMBERS = "ARRAY[c.root_id] || ARRAY(SELECT m.id FROM customers AS m WHERE m.root_id = c.root_id AND m.merged_into IS NOT NULL)"
_LINKS = """
(SELECT jsonb_agg(jsonb_build_array(l.merged_id, l.survivor_id, l.number))
 FROM merges AS l WHERE l.merged_id = ANY(f.ids) AND l.undone_at IS NULL)
"""
_RESTRICTED = "EXISTS (SELECT FROM restrictions AS r WHERE r.customer_id = ANY(f.ids) AND r.restricted)"
_STANDING = f"""
SELECT c.root_id, f.ids, {_RESTRICTED} AS restricted, {_LINKS} AS links
FROM customers AS c, LATERAL (SELECT {_MEMBERS} AS ids) AS f WHERE c.id = $1 AND c.root_id IS NOT NULL
"""  # noqa: S608
_ANSWERS = """
SELECT id, customer_id, purpose, channel, state, source, text_version, observed_at, changed_at, version, number
FROM consents WHERE customer_id = ANY($1::text[]) ORDER BY purpose, channel, id
"""
_HISTORY = f"""
SELECT consent_id, version, customer_id, purpose, channel, state, source, text_version, text_sha256, observed_at, recorded_at, actor
FROM consent_history WHERE customer_id = ANY($1::text[]) ORDER BY recorded_at DESC, version DESC, consent_id LIMIT {MAX_HISTORY}
"""  # noqa: S608
# All questions of a batch in one round trip.
_ASKED = f"""
SELECT c.root_id, p.legal_basis, {_RESTRICTED} AS restricted, {_LINKS} AS links,
    (SELECT r.preferences FROM customers AS r WHERE r.id = c.root_id) AS preferences,
    (SELECT jsonb_agg(jsonb_build_array(k.id, k.customer_id, k.version, k.state, k.observed_at, k.number))
     FROM consents AS k WHERE k.customer_id = ANY(f.ids) AND k.purpose = q.purpose AND k.channel = q.channel) AS held
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q (customer_id, purpose, channel, place)
LEFT JOIN customers AS c ON c.id = q.customer_id AND c.root_id IS NOT NULL
LEFT JOIN LATERAL (SELECT {_MEMBERS} AS ids) AS f ON true
LEFT JOIN consent_purposes AS p ON p.purpose = q.purpose
ORDER BY q.place
"""  # noqa: S608
_DECIDE = """
INSERT INTO consent_decisions (id, customer_id, purpose, channel, allowed, reason, basis, quiet_until, actor)
SELECT *, $9 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::jsonb[], $8::timestamptz[])
RETURNING decided_at
"""
_DECISION = """
SELECT id AS decision_id, customer_id, purpose, channel, allowed, reason, basis, quiet_until, decided_at
FROM consent_decisions WHERE id = $1
"""
_DECISIONS_OF = """
SELECT id, customer_id, purpose, channel, allowed, reason, decided_at FROM consent_decisions
WHERE customer_id = ANY($1::text[]) ORDER BY decided_at
"""
_LET_ERASE = "SELECT set_config('regulars.erasing', 'on', true)"
_ERASE = {
    "consents": "DELETE FROM consents WHERE customer_id = ANY($1::text[])",
    "consent_proofs": "DELETE FROM consent_history WHERE customer_id = ANY($1::text[])",
    "consent_decisions": "DELETE FROM consent_decisions WHERE customer_id = ANY($1::text[])",
}


class Prepared(NamedTuple):
    """What is known before an answer is recorded."""

    root_id: str
    language: str | None
    double_opt_in: bool


class Answer(NamedTuple):
    """The present answer of one record."""

    id: str
    customer_id: str
    purpose: str
    channel: str
    state: State
    source: str
    text_version: str | None
    observed_at: datetime
    changed_at: datetime
    version: int
    number: int

    def held(self) -> Held:
        """Return it as the rules see it."""
        return Held(self.id, self.customer_id, self.version, self.state, self.observed_at, self.number)


class Standing(NamedTuple):
    """The records of a customer and what holds for all of them."""

    root_id: str
    ids: list[str]
    restricted: bool
    links: list[Link]


class Asked(NamedTuple):
    """What a decision rests on."""

    legal_basis: LegalBasis
    restricted: bool
    held: list[Held]
    links: list[Link]
    preferences: Mapping[str, Any]


class Decided(NamedTuple):
    """A decision to be kept."""

    verdict: Verdict
    basis: Mapping[str, int]
    quiet_until: datetime | None


async def prepare(connection: Connection, customer_id: str, purpose: str) -> Prepared | None:
    """Return what an answer needs to know, or None for an unknown customer; keeps him from being erased meanwhile."""
    row = await connection.fetchrow(_PREPARE, customer_id, purpose)
    return row and Prepared(*row)


async def record(
    connection: Connection,
    *,
    customer_id: str,
    purpose: str,
    channel: str,
    state: State,
    source: str,
    text_version: str | None,
    observed_at: datetime,
    actor: str,
) -> Record:
    """Record an answer with its proof and return the consent as it stands now."""
    row = await connection.fetchrow(_RECORD, new_id("con"), customer_id, purpose, channel, state, source, text_version, observed_at, actor)
    assert row is not None
    return row


async def lock(connection: Connection, consent_id: str) -> Record | None:
    """Return a consent that nobody else changes until the transaction ends."""
    return await connection.fetchrow(_LOCK, consent_id)


async def standing(connection: Connection, customer_id: str) -> Standing | None:
    """Return the records that stand for a customer, or None when nobody has the id."""
    row = await connection.fetchrow(_STANDING, customer_id)
    return row and Standing(row["root_id"], row["ids"], row["restricted"], _links(row["links"]))


async def answers(connection: Connection, ids: Sequence[str]) -> list[Answer]:
    """Return the present answers of records, by purpose and channel."""
    return [Answer(*row) for row in await connection.fetch(_ANSWERS, ids)]


async def history(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return every answer of records, newest first."""
    return await connection.fetch(_HISTORY, ids)


async def asked(connection: Connection, questions: Sequence[tuple[str, str, str]]) -> list[Asked | None]:
    """Return what is known of each customer, purpose and channel; None for unknown customers."""
    rows = await connection.fetch(_ASKED, *transposed(questions))
    return [_asked(row) for row in rows]


async def keep(
    connection: Connection, questions: Sequence[tuple[str, str, str]], decided: Sequence[Decided], actor: str
) -> tuple[list[str], datetime]:
    """Keep decisions; return their ids and when they were made."""
    ids = [new_id("dec") for _ in questions]
    columns = transposed([(each.verdict.allowed, each.verdict.reason, each.basis, each.quiet_until) for each in decided])
    decided_at = await connection.fetchval(_DECIDE, ids, *transposed(questions), *columns, actor)
    assert decided_at is not None
    return ids, decided_at


async def decision(connection: Connection, decision_id: str) -> Record | None:
    """Return a decision."""
    return await connection.fetchrow(_DECISION, decision_id)


async def decisions_of(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return the decisions on records, oldest first."""
    return await connection.fetch(_DECISIONS_OF, ids)


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete consents, proofs and decisions of records; return how many of each."""
    await connection.execute(_LET_ERASE)
    return {kind: affected(await connection.execute(statement, ids)) for kind, statement in _ERASE.items()}


def _asked(row: Record) -> Asked | None:
    if row["root_id"] is None:
        return None
    held = [
        Held(consent_id, record_id, version, state, datetime.fromisoformat(observed_at), number)
        for consent_id, record_id, version, state, observed_at, number in row["held"] or ()
    ]
    return Asked(row["legal_basis"] or "consent", row["restricted"], held, _links(row["links"]), row["preferences"] or {})


def _links(found: list[list[Any]] | None) -> list[Link]:
    return [Link(*each) for each in found or ()]
