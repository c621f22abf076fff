"""What is known about what is known: history, provenance, past profiles and the rules between sources."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asyncpg import Record

from customers.links.repository import Family, family
from customers.profiles.errors import CustomerNotFound
from customers.profiles.facts import PREFIX, profile_of
from customers.profiles.repository import Stored
from customers.profiles.rules import FIELDS
from customers.provenance import repository
from customers.provenance.errors import RulesRefused
from customers.provenance.repository import SetRules
from customers.provenance.rules import OWN, Change, Entry, fold, losing, moment_of, standing
from shared.database.pool import Connection
from shared.errors import PreconditionFailed
from shared.http.etags import check_version

# Later than whatever was recorded.
_ALL_TIME = datetime(9999, 1, 1, tzinfo=UTC)
# Sorts after every change.
_NEWEST = (2**63 - 1, "")


class Known(NamedTuple):
    """A field of a profile with what counts and what does not."""

    name: str
    entry: Entry
    losing: list[Change]


async def history(connection: Connection, customer_id: str, name: str | None, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return what was told of a customer's fields, newest first, of all records that stand for him.

    Raises:
        CustomerNotFound: there is none.
    """
    known = await family(connection, customer_id)
    return await repository.history(connection, known.ids, name, (after[0], after[1]) if after else _NEWEST, limit)


async def provenance(connection: Connection, customer_id: str) -> tuple[Family, list[Known]]:
    """Return where each field of a customer comes from.

    Raises:
        CustomerNotFound: there is none.
    """
    known = await family(connection, customer_id)
    facts = (await repository.facts(connection, [known.root_id]))[known.root_id]
    versions = {event.rules_version for event in (*facts.changes, *facts.links)}
    folded = fold(facts.changes, facts.links, await repository.rule_sets(connection, versions))
    entries = sorted(folded.of(known.root_id).items())
    return known, [Known(name, entry, losing(facts.changes, name, entry.change)) for name, entry in entries if entry.value is not None]


async def as_of(connection: Connection, customer_id: str, at: datetime | None, true_at: datetime | None = None) -> Stored:
    """Return a customer as he was known at a moment, with the records that were linked then.

    Args:
        connection: to read with.
        customer_id: any of his ids.
        at: the moment of knowing; None for now.
        true_at: leave out what was observed later than this; None leaves nothing out.

    Raises:
        CustomerNotFound: there was none, or he was erased since.
    """
    at = at or _ALL_TIME
    records = await repository.family_at(connection, customer_id, at)
    if customer_id not in {record.id for record in records}:
        raise CustomerNotFound
    told = await repository.changes_at(connection, [record.id for record in records], at)
    changes = standing(told)
    if true_at is not None:
        changes = [change for change in changes if moment_of(change) <= true_at]
    links = [record.link for record in records if record.link is not None]
    rule_sets = await repository.rule_sets(connection, {event.rules_version for event in (*changes, *links)})
    folded = fold(changes, links, rule_sets)
    root_id = folded.root(customer_id)
    created_at = next(record.created_at for record in records if record.id == root_id)
    moments = [change.recorded_at for change in told] + [record.linked_at for record in records if record.linked_at is not None]
    return Stored(root_id, 1, profile_of(folded.values(root_id)), created_at, max([created_at, *moments]))


async def set_rules(connection: Connection, rules: Mapping[str, Sequence[str]], match: int, actor: str) -> SetRules:
    """Put survivorship rules in force; they decide what is told from now on.

    Raises:
        RulesRefused: a field that there is not, or a source twice.
        PreconditionFailed: others were set since the caller read them.
    """
    for name, sources in rules.items():
        known = name in FIELDS or (name.startswith(PREFIX) and len(name) > len(PREFIX))
        if not known or name in {OWN, "attributes"} or len(set(sources)) < len(sources):
            raise RulesRefused(pointer="/rules")
    present = await repository.current_rules(connection)
    check_version(match, tag_of(present))
    set_at = await repository.set_rules(connection, present.version + 1, rules, actor)
    if set_at is None:
        raise PreconditionFailed
    return SetRules(present.version + 1, rules, set_at, actor)


def tag_of(rules: SetRules) -> int:
    """Return the version that the rules' entity tag tells: tags count from 1, rules from 0."""
    return rules.version + 1
