"""The profiles of whole families, folded anew: for what changes who belongs to whom, and for what takes facts away."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from customers.profiles import records
from customers.profiles import repository as profiles
from customers.profiles.facts import differing, profile_of
from customers.profiles.repository import Stored
from customers.profiles.rules import Profile
from customers.profiles.service import publish_updated
from customers.provenance import repository as provenance
from customers.provenance.repository import Facts
from customers.provenance.rules import OWN, Folded, Link, RuleSet, fold
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def folded(connection: Connection, root_ids: Sequence[str]) -> Folded:
    """Return families folded from all that was told of their records."""
    facts = await provenance.facts(connection, root_ids)
    changes = [change for each in facts.values() for change in each.changes]
    links = [link for each in facts.values() for link in each.links]
    rule_sets = await provenance.rule_sets(connection, {event.rules_version for event in (*changes, *links)})
    return fold(changes, links, rule_sets)


async def refresh(uow: UnitOfWork, roots: Sequence[Stored]) -> list[Stored]:
    """Bring the rows of locked roots up to what is known of their families, and announce those that changed; return all.

    Takes a few statements, whatever the number of families and of their records.
    """
    families = await folded(uow.connection, [root.id for root in roots])
    after: list[tuple[Stored, list[str]]] = []
    for root in roots:
        profile = profile_of(families.values(root.id))
        changed = differing(root.profile, profile)
        after.append((root._replace(version=root.version + 1, profile=profile) if changed else root, changed))
    written = [root for root, changed in after if changed]
    if written:
        at = await records.write(uow.connection, written, [])
        after = [(root._replace(updated_at=at) if changed else root, changed) for root, changed in after]
        for root, changed in after:
            if changed:
                publish_updated(uow, root, changed)
    return [root for root, _ in after]


async def refresh_members(connection: Connection, root_ids: Sequence[str]) -> None:
    """Bring the rows of merged records of locked families up to what is known: each stays what it was when it was merged.

    Nobody is shown them, but their addresses and numbers still lead to the family.
    """
    families = await provenance.facts(connection, root_ids) if root_ids else {}
    versions = {event.rules_version for each in families.values() for event in (*each.changes, *each.links)}
    rule_sets = await provenance.rule_sets(connection, versions)
    wanted = {link.merged_id: _when_merged(each, link, rule_sets) for each in families.values() for link in each.links}
    stored = await profiles.get_records(connection, sorted(wanted))
    changed = [row._replace(profile=wanted[row.id]) for row in stored if differing(row.profile, wanted[row.id])]
    if changed:
        await records.write(connection, changed, [])


def _when_merged(facts: Facts, link: Link, rule_sets: Mapping[int, RuleSet]) -> Profile:
    """Return the profile of a record when it was linked; its external id, which stays its own, as it is now."""
    until = fold(
        [change for change in facts.changes if change.number < link.number],
        [each for each in facts.links if each.number < link.number],
        rule_sets,
    )
    own = [change.fields[OWN] for change in facts.changes if change.record_id == link.merged_id and OWN in change.fields]
    return replace(profile_of(until.values(link.merged_id)), external_id=own[-1] if own else None)
