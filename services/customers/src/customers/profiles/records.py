"""Every statement that writes customers: rows and the change sets that tell why they are so, in one round trip."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from asyncpg import IntegrityConstraintViolationError, Record, UniqueViolationError

from customers.attributes.errors import taken
from customers.links.repository import families
from customers.privacy.erasures.errors import IdentityErased, is_of_erased, refusing_erased
from customers.profiles.errors import ExternalIdTaken
from customers.profiles.facts import facts_of
from customers.profiles.repository import COLUMNS, Stored, stored_of
from customers.profiles.rules import FIELDS, LISTS, OBJECTS, Profile
from customers.profiles.search import fold
from customers.provenance.rules import NO_RULES, Provenance, RuleSet
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.database.single_write import Row
from shared.errors import Unavailable
from shared.ids import new_id

_JSON = frozenset((*OBJECTS, *LISTS))
_FIELDS = ", ".join(FIELDS)
_CHANGE = "customer_id, id, source, actor, cause, observed_at, rules_version, fields"


def _parameters(first: int, count: int) -> str:
    return ", ".join(f"${number}" for number in range(first, first + count))


def _typed(types: Sequence[str], first: int, suffix: str = "") -> str:
    return ", ".join(f"${number}::{kind}{suffix}" for number, kind in enumerate(types, first))


def _column_type(name: str) -> str:
    return "date" if name == "birth_date" else "text"


# Lists and objects travel as text: the driver would take lists within a list for an array of two dimensions.
_ROW_TYPES = ("text", *(_column_type(name) for name in FIELDS), "text", "bigint")
_AS_ROWS = f"AS t (id, {_FIELDS}, search_name, version)"
_ROWS = f"unnest({_typed(_ROW_TYPES, 1, '[]')}) {_AS_ROWS}"
# A single row costs half of what arrays of one value do.
_ROW = f"(VALUES ({_typed(_ROW_TYPES, 1)})) {_AS_ROWS}"
_READ = {name: f"t.{name}::jsonb" if name in _JSON else f"t.{name}" for name in FIELDS}

_TOLD_TYPES = ("text", "text", "text", "text", "text", "timestamptz", "bigint", "text")
_AS_TOLD = f"AS c ({_CHANGE}, place)"
_TOLD = f"unnest({_typed(_TOLD_TYPES, len(_ROW_TYPES) + 1, '[]')}) WITH ORDINALITY {_AS_TOLD}"
_TOLD_ONCE = f"(VALUES ({_typed(_TOLD_TYPES, len(_ROW_TYPES) + 1)}, 1)) {_AS_TOLD}"
_TELL = f"""INSERT INTO profile_changes ({_CHANGE}, recorded_at)
    SELECT c.customer_id, c.id, c.source, c.actor, c.cause, c.observed_at, c.rules_version, c.fields::jsonb, """

# Who told which fields goes into the audit log beside them; what the service itself tells has no actor, and an import has one entry.
_NAMES = "ARRAY(SELECT n FROM jsonb_object_keys({}) AS n ORDER BY n)"
_AUDIT = "INSERT INTO audit_entries (actor, action, customer_id, fields) SELECT c.actor, '{}', c.customer_id, " + _NAMES.format(
    "c.fields::jsonb"
)

_ORIGIN = ("text", "text", "text", "text", "timestamptz", "jsonb", "text[]", "timestamptz")


# A customer of whom nothing was told has no change set.
def _insertion(first: int) -> str:
    """Return what adds a customer, with parameters from a number on; `made` holds one who is new."""
    own = first + len(FIELDS) + 2
    change_id, source, actor, cause, observed_at, facts, told, at = (f"${own + place}::{kind}" for place, kind in enumerate(_ORIGIN))
    return f"""made AS (
    INSERT INTO customers (id, {_FIELDS}, search_name, root_id, created_at, updated_at)
    VALUES ({_parameters(first, len(FIELDS) + 2)}, ${first}, coalesce({at}, now()), coalesce({at}, now()))
    ON CONFLICT (external_id) DO NOTHING
    RETURNING created_at
), told AS (
    INSERT INTO profile_changes (id, source, actor, cause, observed_at, fields, customer_id, recorded_at)
    SELECT {change_id}, {source}, {actor}, {cause}, {observed_at}, {facts}, ${first}, created_at FROM made WHERE {facts} <> '{{}}'
), audited AS (
    INSERT INTO audit_entries (actor, action, customer_id, fields)
    SELECT {actor}, 'customer_created', ${first}, {told} FROM made WHERE {actor} IS NOT NULL
)"""


_INSERT = f"WITH {_insertion(1)} SELECT created_at FROM made"
# In the order of the external ids, so that two batches never wait for each other in a circle.
_INSERT_MANY = f"""
WITH made AS (
    INSERT INTO customers (id, {_FIELDS}, search_name, version, root_id)
    SELECT t.id, {", ".join(_READ.values())}, t.search_name, t.version, t.id FROM {_ROWS} ORDER BY external_id
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, external_id, created_at
), told AS (
    {_TELL} m.created_at FROM {_TOLD} JOIN made AS m ON m.id = c.customer_id
), audited AS (
    {_AUDIT.format("customer_created")} FROM {_TOLD} JOIN made AS m ON m.id = c.customer_id WHERE c.actor IS NOT NULL
)
SELECT id, external_id, created_at FROM made
"""
_ENSURE = """
WITH made AS (
    INSERT INTO customers (id, kind, external_id, root_id)
    SELECT id, 'individual', external_id, id FROM unnest($1::text[], $2::text[]) AS t (id, external_id) ORDER BY external_id
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, external_id, created_at
), told AS (
    INSERT INTO profile_changes (id, source, actor, cause, observed_at, fields, customer_id, recorded_at)
    SELECT t.change_id, $4::text, $5::text, $6::text, $7::timestamptz, jsonb_build_object('external_id', m.external_id), m.id, m.created_at
    FROM made AS m JOIN unnest($1::text[], $3::text[]) AS t (id, change_id) ON t.id = m.id
)
SELECT id, external_id, created_at FROM made
"""
# The time is taken under the lock of the row, so that what is recorded later is also dated later.
_WRITE_ROWS = f"""
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at), updated AS (
    UPDATE customers AS c
    SET version = t.version, search_name = t.search_name, updated_at = moment.at, {", ".join(f"{n} = {_READ[n]}" for n in FIELDS)}
    FROM {{rows}}, moment WHERE c.id = t.id
), told AS (
    {_TELL} moment.at FROM {{told}}, moment ORDER BY c.place
), audited AS (
    {_AUDIT.format("customer_changed")} FROM {{told}}
    WHERE c.actor IS NOT NULL AND coalesce(c.cause, '') NOT LIKE 'imp~_%' ESCAPE '~' ORDER BY c.place
)
SELECT at FROM moment
"""
_WRITE, _WRITE_ONE = (_WRITE_ROWS.format(rows=rows, told=told) for rows, told in ((_ROWS, _TOLD), (_ROW, _TOLD_ONCE)))
_RENAME = "UPDATE customers SET external_id = $2 WHERE id = $1"

_RULES = "SELECT version, rules FROM survivorship_rules ORDER BY version DESC LIMIT 1"
_IS_ROOT = "merged_into IS NULL AND erased_at IS NULL AS is_root"
_LOCKED = f"{COLUMNS}, {_IS_ROOT}, family_size, (SELECT to_jsonb(r) FROM ({_RULES}) AS r) AS survivorship"
# Whoever waits for a lock may find that its row is no root any more: he must be able to give it back.
_TRY_LOCK = f"""
SELECT {_LOCKED} FROM customers WHERE id = (SELECT root_id FROM customers WHERE id = $1) FOR NO KEY UPDATE SKIP LOCKED
"""
_LOCK_MANY = f"""
SELECT {_LOCKED} FROM customers WHERE id IN (SELECT root_id FROM customers WHERE {{}} = ANY($1::text[]))
ORDER BY id FOR NO KEY UPDATE
"""
# All records, members too, for whoever changes who belongs to whom.
_LOCK_FAMILIES = f"""
WITH roots AS (
    SELECT DISTINCT root_id AS id FROM customers WHERE id = ANY($1::text[])
), families AS (
    SELECT id FROM roots
    UNION ALL SELECT m.id FROM roots JOIN customers AS m ON m.root_id = roots.id AND m.merged_into IS NOT NULL
)
SELECT {_LOCKED} FROM customers WHERE id IN (SELECT id FROM families) ORDER BY id FOR NO KEY UPDATE
"""
_NAMED = "SELECT {0} AS name, id, external_id, root_id FROM customers WHERE {0} = ANY($1::text[]) AND root_id IS NOT NULL"
# Each round but the last found that a merge was faster.
_MAX_ROUNDS = 20


class Locked(NamedTuple):
    """A record whose family nobody else changes until the transaction ends.

    Attributes:
        record_id: the record that was named.
        external_id: the record's own.
        root: the row of its family's root.
        family_size: records of the family.
        rules_version: of the survivorship rules.
        rules: the survivorship rules in force.
    """

    record_id: str
    external_id: str | None
    root: Stored
    family_size: int
    rules_version: int
    rules: RuleSet


class Told(NamedTuple):
    """A change set to be written."""

    record_id: str
    provenance: Provenance
    rules_version: int
    fields: Mapping[str, Any]


async def insert(connection: Connection, profile: Profile, names: list[str], told: Provenance) -> Stored | None:
    """Add a customer of whom some fields were told, or return None when his external id is taken.

    Raises:
        AttributeTaken: another customer has the value of a unique attribute.
    """
    values = _values(profile, names, told, None)
    try:
        with refusing_erased():
            created_at = await connection.fetchval(_INSERT, *values)
    except UniqueViolationError as error:
        raise taken(error) or error from error
    return created_at and Stored(values[0], 1, profile, created_at, created_at)


def insertion(profile: Profile, names: list[str], told: Provenance, at: datetime) -> tuple[Stored, Row]:
    """Return the same customer as he will be, and the row that a single write adds."""
    values = _values(profile, names, told, at)
    return Stored(values[0], 1, profile, at, at), Row(_insertion, values, _refusal)


def _values(profile: Profile, names: list[str], told: Provenance, at: datetime | None) -> tuple[Any, ...]:
    fields = (getattr(profile, name) for name in FIELDS)
    origin = (new_id("chg"), told.source, told.actor, told.cause, told.observed_at)
    facts = facts_of(profile, names)
    return (new_id("cus"), *fields, fold(profile.name), *origin, facts, sorted(facts), at)


def _refusal(error: IntegrityConstraintViolationError | None) -> Exception:
    if error is None:
        return ExternalIdTaken(pointer="/external_id")
    if is_of_erased(error):
        return IdentityErased()
    return taken(error) or error if isinstance(error, UniqueViolationError) else error


async def insert_many(connection: Connection, drafts: Sequence[tuple[Profile, list[str], Provenance]]) -> dict[str, tuple[str, datetime]]:
    """Add customers of whom some fields were told; return id and time of those that are new, by external id."""
    if not drafts:
        return {}
    rows, told = [], []
    for profile, names, provenance in drafts:
        record_id = new_id("cus")
        rows.append(_row(record_id, profile, 1))
        told.append(Told(record_id, provenance, NO_RULES, facts_of(profile, names)))
    with refusing_erased():
        made = await connection.fetch(_INSERT_MANY, *transposed(rows), *transposed(_told_rows(told), len(_TOLD_TYPES)))
    return {row["external_id"]: (row["id"], row["created_at"]) for row in made}


async def ensure(connection: Connection, external_ids: Sequence[str], told: Provenance) -> dict[str, tuple[str, datetime]]:
    """Add customers of whom only the external id is known; return id and time of those that are new."""
    ids, change_ids = [new_id("cus") for _ in external_ids], [new_id("chg") for _ in external_ids]
    with refusing_erased():
        rows = await connection.fetch(_ENSURE, ids, external_ids, change_ids, told.source, told.actor, told.cause, told.observed_at)
    return {row["external_id"]: (row["id"], row["created_at"]) for row in rows}


async def write(connection: Connection, changed: Sequence[Stored], told: Sequence[Told]) -> datetime:
    """Write profiles and versions of locked roots and what was told of records; return the time of it all.

    Raises:
        ExternalIdTaken: another customer has it.
        AttributeTaken: another customer has the value of a unique attribute.
    """
    rows, changes = [_row(each.id, each.profile, each.version) for each in changed], _told_rows(told)
    if len(rows) == len(changes) == 1:
        statement, values = _WRITE_ONE, (*rows[0], *changes[0])
    else:
        statement, values = _WRITE, (*transposed(rows, len(_ROW_TYPES)), *transposed(changes, len(_TOLD_TYPES)))
    try:
        with refusing_erased():
            at = await connection.fetchval(statement, *values)
    except UniqueViolationError as error:
        raise taken(error) or ExternalIdTaken(pointer="/external_id") from error
    assert at is not None
    return at


async def rename(connection: Connection, record_id: str, external_id: str | None) -> None:
    """Give a merged record, which is no root, another external id.

    Raises:
        ExternalIdTaken: another customer has it.
    """
    try:
        with refusing_erased():
            await connection.execute(_RENAME, record_id, external_id)
    except UniqueViolationError as error:
        raise ExternalIdTaken(pointer="/external_id") from error


async def lock(connection: Connection, record_id: str) -> Locked | None:
    """Lock the family of a record, whichever of its ids is given; None when nobody has the id or he was erased."""
    row = await connection.fetchrow(_TRY_LOCK, record_id)
    if row is not None and row["id"] == record_id and row["is_root"]:
        return _locked(record_id, row["external_id"], row)
    return (await lock_many(connection, [record_id])).get(record_id)


async def lock_many(connection: Connection, names: Sequence[str], by: str = "id") -> dict[str, Locked]:
    """Lock the families of records, in the order of their roots; unknown and erased ones are left out.

    Args:
        connection: in a transaction.
        names: ids or external ids.
        by: the column that holds the names: `id` or `external_id`.

    Returns:
        By name.

    Raises:
        Unavailable: merges were faster, time and again.
    """

    async def attempt() -> dict[str, Locked]:
        rows = {row["id"]: row for row in await connection.fetch(_LOCK_MANY.format(by), names) if row["is_root"]}
        named = {row[by]: (row["id"], row["external_id"], row["id"]) for row in rows.values()}
        if not all(name in named for name in names):
            # Told anew under the locks, whose families nobody changes now.
            again = await connection.fetch(_NAMED.format(by), names)
            named = {row["name"]: (row["id"], row["external_id"], row["root_id"]) for row in again}
        if not all(root_id in rows for _, _, root_id in named.values()):
            raise _Outrun
        return {name: _locked(record_id, external_id, rows[root_id]) for name, (record_id, external_id, root_id) in named.items()}

    return await _unless_outrun(connection, attempt)


async def lock_families(connection: Connection, ids: Sequence[str]) -> dict[str, Locked]:
    """Lock all records of families, for a change of who belongs to whom; unknown and erased ones are left out.

    Every lock here and above is taken in the order of the ids within one statement, and all are given back before another try:
    so nobody waits for each other in a circle, not even over a record that has ceased to be a root meanwhile.

    Raises:
        Unavailable: merges were faster, time and again.
    """

    async def attempt() -> dict[str, Locked]:
        rows = {row["id"]: row for row in await connection.fetch(_LOCK_FAMILIES, ids)}
        found = await families(connection, ids)
        if not all(record_id in rows for family in found.values() for record_id in family.ids):
            raise _Outrun
        return {name: _locked(name, rows[name]["external_id"], rows[family.root_id]) for name, family in found.items()}

    return await _unless_outrun(connection, attempt)


async def _unless_outrun(connection: Connection, attempt: Callable[[], Awaitable[dict[str, Locked]]]) -> dict[str, Locked]:
    """Return what an attempt locked; one that was outrun gives its locks back before the next."""
    for _ in range(_MAX_ROUNDS):
        with suppress(_Outrun):
            async with connection.transaction():
                return await attempt()
    raise Unavailable(retry_after_seconds=1)


class _Outrun(Exception):
    """A merge was faster."""


def _locked(record_id: str, external_id: str | None, root: Record) -> Locked:
    rules = root["survivorship"] or {"version": NO_RULES, "rules": {}}
    return Locked(record_id, external_id, stored_of(root), root["family_size"], rules["version"], rules["rules"])


def _row(record_id: str, profile: Profile, version: int) -> tuple[Any, ...]:
    fields = (_text(name, getattr(profile, name)) if name in _JSON else getattr(profile, name) for name in FIELDS)
    return (record_id, *fields, fold(profile.name), version)


def _text(name: str, value: Any) -> str:
    # Most are empty.
    if not value:
        return "{}" if name in OBJECTS else "[]"
    return orjson.dumps(value).decode()


def _told_rows(told: Sequence[Told]) -> list[tuple[Any, ...]]:
    return [
        (
            each.record_id,
            new_id("chg"),
            each.provenance.source,
            each.provenance.actor,
            each.provenance.cause,
            each.provenance.observed_at,
            each.rules_version,
            orjson.dumps(each.fields).decode(),
        )
        for each in told
        if each.fields
    ]
