"""What can be done with definitions of attributes, and how the others learn of them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from asyncpg import Record, UniqueViolationError

from customers.attributes import repository
from customers.attributes.errors import (
    AttributeDefinitionExists,
    AttributeDefinitionNotFound,
    AttributeNotFilterable,
    AttributeTaken,
    AttributeValuesNotUnique,
)
from customers.attributes.filters import MAX_COMPARISONS
from customers.attributes.rules import COMPARED_TYPES, Catalogue, check_definition, wanted
from customers.attributes.schemas import definition_of
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version

# Another process may check values by definitions that are this old; uniqueness is the database's and never stale.
CACHE_SECONDS = 1.0


class _Cache:
    """The definitions as this process last saw them."""

    def __init__(self) -> None:
        self.catalogue: Catalogue | None = None
        self.fresh_until = 0.0


_cache = _Cache()


def forget_cached() -> None:
    """Read the definitions again before the next use."""
    _cache.catalogue = None


async def catalogue(connection: Connection) -> Catalogue:
    """Return the definitions in force: from memory, but for one glance a second at their version."""
    known = _cache.catalogue
    if known is not None and _cache.fresh_until > time.monotonic():
        return known
    fresh_until = time.monotonic() + CACHE_SECONDS
    version, is_strict = await repository.version(connection)
    if known is None or known.version != version:
        rows = await repository.live(connection)
        known = Catalogue(version, is_strict, {row["name"]: definition_of(dict(row)) for row in rows})
    _cache.catalogue, _cache.fresh_until = known, fresh_until
    return known


async def define(uow: UnitOfWork, columns: Mapping[str, Any]) -> Record:
    """Define an attribute.

    Raises:
        AttributeDefinitionExists: its name is taken, maybe by one in the archive.
        AttributeDefinitionInvalid: its parts do not fit together.
        AttributeValuesNotUnique: it shall be unique, and present values are not.
    """
    check_definition(definition_of(dict(columns)))
    await repository.hold_writers(uow.connection)
    row = await repository.insert(uow.connection, columns)
    if row is None:
        raise AttributeDefinitionExists(pointer="/name")
    await _keep_values(uow.connection, None, row)
    await _changed(uow.connection)
    return row


async def amend(uow: UnitOfWork, name: str, columns: Mapping[str, Any], match: int, *, unarchive: bool) -> Record:
    """Change a definition that the client has read.

    Raises:
        AttributeDefinitionNotFound: there is none.
        PreconditionFailed: it was changed since.
        AttributeDefinitionInvalid: its parts do not fit together.
        AttributeValuesNotUnique: it shall be unique, and present values are not.
    """
    await repository.hold_writers(uow.connection)
    before = await _locked(uow.connection, name, match)
    after = {**before, **columns}
    if unarchive:
        after["archived_at"] = None
    check_definition(definition_of(after))
    row = await repository.update(uow.connection, after)
    await _keep_values(uow.connection, before, row)
    await _changed(uow.connection)
    return row


async def archive(uow: UnitOfWork, name: str, match: int) -> None:
    """Put a definition out of force; the values stay.

    Raises:
        AttributeDefinitionNotFound: there is none.
        PreconditionFailed: it was changed since.
    """
    await repository.hold_writers(uow.connection)
    row = await _locked(uow.connection, name, match)
    if row["archived_at"] is None:
        await repository.archive(uow.connection, name)
        await repository.forget_values(uow.connection, name)
        await _changed(uow.connection)


async def found(connection: Connection, name: str) -> Record:
    """Return a definition.

    Raises:
        AttributeDefinitionNotFound: there is none.
    """
    row = await repository.get(connection, name)
    if row is None:
        raise AttributeDefinitionNotFound
    return row


async def set_strict(uow: UnitOfWork, *, strict: bool) -> None:
    """Refuse attributes without a definition from now on, or take them."""
    await repository.set_strict(uow.connection, strict=strict)
    forget_cached()


async def refused_as_taken(
    connection: Connection, known: Catalogue, items: Sequence[tuple[str | None, Mapping[str, Any]]]
) -> dict[int, AttributeTaken]:
    """Return, by place, which of several customers would take a unique value of another; no query where nothing is unique.

    Args:
        connection: inside the transaction that will write them.
        known: the definitions.
        items: external id and checked attributes of each.
    """
    refusals: dict[int, AttributeTaken] = {}
    holders: dict[tuple[str, str], str | None] = {}
    rows: list[tuple[int, str | None, str, str]] = []
    for place, (external_id, attributes) in enumerate(items):
        for name in known.unique:
            if attributes.get(name) is None:
                continue
            value = orjson.dumps(attributes[name]).decode()
            if holders.setdefault((name, value), external_id) != external_id:
                refusals[place] = AttributeTaken(pointer=f"/attributes/{name}")
            rows.append((place, external_id, name, value))
    for place, name in await repository.taken(connection, rows) if rows else ():
        refusals[place] = AttributeTaken(pointer=f"/attributes/{name}")
    return refusals


async def asked(connection: Connection, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the filters of `attributes.filters` that a caller asks for.

    Raises:
        AttributeNotFilterable: no such attribute can be filtered by, not in this way, or by too many at once.
        AttributeInvalid: a text is no value of it.
    """
    if not texts:
        return {}
    members, comparisons = wanted(await catalogue(connection), texts)
    if len(comparisons) > MAX_COMPARISONS:
        raise AttributeNotFilterable(f"At most {MAX_COMPARISONS} attributes are compared at once.", location="query")
    values: dict[str, Any] = {f"compared_{number}": comparison._asdict() for number, comparison in enumerate(comparisons, 1)}
    return values | ({"attributes": members} if members else {})


def masked(known: Catalogue, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without the contact data among them: they are there, but say nothing."""
    personal = known.personal
    return {name: ("***" if name in personal and value is not None else value) for name, value in attributes.items()}


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete what is kept of customers beside their profiles; return how many of each kind."""
    return {"attribute_values": await repository.erase(connection, ids)}


async def collect(_: Connection, __: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of customers beside their profiles: nothing, the values are copies of theirs."""
    return {}


async def _locked(connection: Connection, name: str, match: int) -> Record:
    row = await repository.lock(connection, name)
    if row is None:
        raise AttributeDefinitionNotFound
    check_version(match, row["version"])
    return row


def _kept(row: Record | None) -> tuple[bool, bool]:
    """Return whether values are kept beside the customers, and whether they are unique."""
    if row is None or row["archived_at"] is not None:
        return False, False
    return row["is_unique"] or (row["is_filterable"] and row["type"] in COMPARED_TYPES), row["is_unique"]


async def _keep_values(connection: Connection, before: Record | None, after: Record) -> None:
    if _kept(before) == _kept(after):
        return
    await repository.forget_values(connection, after["name"])
    is_kept, is_unique = _kept(after)
    if is_kept:
        try:
            await repository.keep_values(connection, after["name"], is_unique=is_unique)
        except UniqueViolationError as error:
            raise AttributeValuesNotUnique(pointer="/unique") from error


async def _changed(connection: Connection) -> None:
    await repository.raise_version(connection)
    forget_cached()
