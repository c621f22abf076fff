"""Finding who may be whom: by keys first, then by comparing those who share one."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from customers.duplicates import repository
from customers.duplicates.repository import FoundPair
from customers.duplicates.rules import MIN_SCORE, Likeness, Person, blocking_queries, likeness, pair
from customers.identities import service as identities
from customers.identities.rules import IdentityRules, is_blocked, is_over_shared
from shared.database.pool import Connection

# People who share one key; those who share no other are not all compared when there are more.
MAX_OF_KEY = 100
# A name alone makes nobody a candidate: whoever has more namesakes is met by name and birth date, address or number.
_MAX_NAMESAKES = 20


class Match(NamedTuple):
    """Somebody who may be the person that was asked for."""

    person: Person
    likeness: Likeness


async def matches(
    connection: Connection, asked: Sequence[Person], *, min_score: int = MIN_SCORE, with_them: Collection[tuple[str, str]] = ()
) -> dict[str, list[Match]]:
    """Return, for each customer, who may be the same person, the surest first; nobody whom somebody rejected.

    Six statements for any number of customers.

    Args:
        connection: to read with.
        asked: the customers.
        min_score: of a match at least.
        with_them: pairs of a customer asked for and another, with whom he is compared whatever they share.
    """
    _, rules = await identities.rules(connection)
    trusted = [_trusted(person, rules) for person in asked]
    keys = [(person, key, query) for person in trusted for key, query in blocking_queries(person).items()]
    asked_for = [(person.id, query, _MAX_NAMESAKES if key == "name" else MAX_OF_KEY + 1) for person, key, query in keys]
    found = await repository.candidates(connection, asked_for)
    shared = await _shared(connection, rules, [person.id for person in asked])
    rejected = await repository.rejected(connection, [person.id for person in asked])
    others: dict[str, dict[str, Person]] = {person.id: {} for person in asked}
    worthless: dict[str, set[str]] = {person.id: set() for person in asked}
    for (person, key, _), candidates in zip(keys, found, strict=True):
        others[person.id] |= {each.id: each for each in candidates}
        if key in ("email", "phone") and is_over_shared(rules, key, 1 + len(candidates)):
            worthless[person.id].add(key)
    wanted = {*shared, *with_them}
    missing = {other for person_id, other in wanted if other not in others[person_id]}
    further = await repository.persons(connection, missing) if missing else {}
    for person_id, other in wanted:
        if other in further:
            others[person_id].setdefault(other, further[other])
    return {
        person.id: _compared(
            _without(person, worthless[person.id]),
            [each for each in others[person.id].values() if (person.id, each.id) not in rejected],
            {other: kinds for (person_id, other), kinds in shared.items() if person_id == person.id},
            min_score,
        )
        for person in trusted
    }


async def found_pairs(connection: Connection, scanned: Sequence[Person]) -> list[FoundPair]:
    """Return the pairs of scanned customers with others who were made before them."""
    found = await matches(connection, scanned)
    return [
        (*pair(person_id, match.person.id), match.likeness)
        for person_id, those in found.items()
        for match in those
        if match.person.id < person_id
    ]


async def pairs_of_changed(connection: Connection, changed: Sequence[Person]) -> tuple[list[FoundPair], list[tuple[str, str]]]:
    """Return the pairs of customers who changed with any others, and their open pairs who resemble each other no more."""
    ids = {person.id for person in changed}
    kept = await repository.open_pairs(connection, sorted(ids))
    both = [(one, other) for each in kept for one, other in (each, each[::-1]) if one in ids]
    found = {
        pair(person_id, match.person.id): match.likeness
        for person_id, those in (await matches(connection, changed, with_them=both)).items()
        for match in those
    }
    return [(*each, likeness) for each, likeness in found.items()], [each for each in kept if each not in found]


def _compared(person: Person, others: Collection[Person], shared: Mapping[str, set[str]], min_score: int) -> list[Match]:
    compared = [Match(each, likeness(person, each, shared.get(each.id, ()))) for each in others]
    return sorted((each for each in compared if each.likeness.score >= min_score), key=lambda each: (-each.likeness.score, each.person.id))


async def _shared(connection: Connection, rules: IdentityRules, ids: Sequence[str]) -> dict[tuple[str, str], set[str]]:
    """Return the kinds of further identities that customers share, by both ids; nothing that is blocked or over-shared."""
    sharing = await repository.sharing(connection, ids, MAX_OF_KEY + 1)
    holders = Counter((each.root_id, each.identity) for each in sharing)
    shared: dict[tuple[str, str], set[str]] = {}
    for each in sharing:
        kind, value, _ = each.identity
        if not is_blocked(rules, kind, value) and not is_over_shared(rules, kind, 1 + holders[each.root_id, each.identity]):
            shared.setdefault((each.root_id, each.other_id), set()).add(kind)
    return shared


def _trusted(person: Person, rules: IdentityRules) -> Person:
    return _without(person, {kind for kind in ("email", "phone") if (value := getattr(person, kind)) and is_blocked(rules, kind, value)})


def _without(person: Person, kinds: Collection[str]) -> Person:
    return replace(person, **dict.fromkeys(kinds)) if kinds else person
