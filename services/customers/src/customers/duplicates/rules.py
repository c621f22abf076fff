"""Whether two records may stand for the same person, with the reasons.

Each feature that agrees or differs adds its weight, a natural logarithm of odds; their sum becomes a score from 0 to 100. The weights
were set on synthetic people in four languages; the tests hold them to an F1 of 0.95.

Source: I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", JASA 64 (1969).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from rapidfuzz.distance import OSA

from customers.duplicates.names import compare_names, name_words
from customers.identities.rules import email_key
from customers.search.names import sound_keys
from customers.search.rules import all_of, any_of, lexeme, prefix

# Pairs with a lower score are not shown to anybody.
MIN_SCORE = 50
# Of all pairs that share a key, few are the same person.
PRIOR = -6.0

_NAME_WEIGHTS = {"same": 4.0, "sounds_same": 3.5, "similar": 3.0, "initials": 2.0, "part": 1.0, "conflicts": -5.0, "different": -6.0}
_EMAIL_SAME, _EMAIL_SIMILAR = 6.5, 3.0
_PHONE_SAME, _PHONE_SIMILAR = 3.5, 1.5
_BIRTH_SAME, _BIRTH_TURNED, _BIRTH_SIMILAR, _BIRTH_DIFFERENT = 4.0, 2.5, 1.5, -5.0
_SEX_DIFFERENT, _KIND_DIFFERENT, _COUNTRY_DIFFERENT, _CITY_SAME = -2.0, -4.0, -0.5, 0.7
_SHARED = {"card": 5.0, "account": 4.0, "external_id": 5.0, "email": 5.0, "phone": 3.0, "device": 2.0}

_MIN_LOCAL_PART = 5
_EPOCH = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Person:
    """What is compared of a customer; None where nothing is known, or nothing that can be trusted."""

    id: str
    kind: str = "individual"
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    city: str | None = None
    country: str | None = None


class Reason(NamedTuple):
    """What speaks for or against, and how much."""

    feature: str
    weight: float


class Likeness(NamedTuple):
    """How sure it is that two records are of one person."""

    score: int
    reasons: tuple[Reason, ...]


def likeness(one: Person, other: Person, shared: Iterable[str] = ()) -> Likeness:
    """Return the score of two records and its reasons, the weightiest first; the same whichever comes first.

    Args:
        one: a record.
        other: another.
        shared: kinds of further identities that both have.
    """
    reasons = [
        *_names(one.name, other.name),
        *_emails(one.email, other.email),
        *_phones(one.phone, other.phone),
        *_births(one.birth_date, other.birth_date),
        *_circumstances(one, other),
        *(Reason(f"{kind}_shared", _SHARED[kind]) for kind in sorted(set(shared)) if kind in _SHARED),
    ]
    odds = PRIOR + sum(reason.weight for reason in reasons)
    return Likeness(round(100 / (1 + math.exp(-odds))), tuple(sorted(reasons, key=lambda each: (-abs(each.weight), each.feature))))


def pair(one: str, other: str) -> tuple[str, str]:
    """Return two ids in the order in which pairs are kept."""
    return (one, other) if one < other else (other, one)


def blocking_queries(person: Person) -> dict[str, str]:
    """Return queries on the documents of customers, by name; who satisfies none of them is not compared with this person."""
    queries: dict[str, str] = {}
    if person.email is not None:
        key = email_key(person.email)
        queries["email"] = any_of(dict.fromkeys([lexeme(f"@{person.email.lower()}"), lexeme(f"@{key}")]))
        local = key.rpartition("@")[0]
        if len(local) >= _MIN_LOCAL_PART:
            queries["local_part"] = prefix(f"@{local}@")
    if person.phone is not None:
        queries["phone"] = lexeme(person.phone)
    keys = sound_keys(name_words(person.name))
    sounds, pairs = [key for key in keys if "." not in key], [key for key in keys if "." in key]
    if keys:
        queries["name"] = any_of(map(lexeme, pairs or sounds))
    if person.birth_date is not None:
        queries["birth_date"] = _by_birth_date(person.birth_date, sounds, pairs)
    return queries


def turned(born: date) -> date | None:
    """Return the date whose day and month changed places, when there is another."""
    return born.replace(month=born.day, day=born.month) if born.day <= 12 and born.day != born.month else None


def _by_birth_date(born: date, sounds: Sequence[str], pairs: Sequence[str]) -> str:
    """Return a query for who was born that day and has a part of the name, or has all of it and the day and month turned."""
    if not sounds:
        return _born(born)
    same = all_of([_born(born), any_of(map(lexeme, sounds))])
    other = turned(born)
    return same if other is None else any_of([same, all_of([_born(other), any_of(map(lexeme, pairs or sounds))])])


def _born(day: date) -> str:
    return lexeme(f"^{(day - _EPOCH).days}")


def _names(one: str | None, other: str | None) -> list[Reason]:
    match = compare_names(name_words(one), name_words(other))
    return [] if match is None else [Reason(f"name_{match}", _NAME_WEIGHTS[match])]


def _emails(one: str | None, other: str | None) -> list[Reason]:
    if one is None or other is None:
        return []
    first, second = email_key(one), email_key(other)
    if first == second:
        return [Reason("email_same", _EMAIL_SAME)]
    left, right = first.rpartition("@")[0], second.rpartition("@")[0]
    if min(len(left), len(right)) >= _MIN_LOCAL_PART and (left == right or OSA.distance(first, second, score_cutoff=1) <= 1):
        return [Reason("email_similar", _EMAIL_SIMILAR)]
    return []


def _phones(one: str | None, other: str | None) -> list[Reason]:
    if one is None or other is None:
        return []
    if one == other:
        return [Reason("phone_same", _PHONE_SAME)]
    return [Reason("phone_similar", _PHONE_SIMILAR)] if OSA.distance(one, other, score_cutoff=1) <= 1 else []


def _births(one: date | None, other: date | None) -> list[Reason]:
    if one is None or other is None:
        return []
    if one == other:
        return [Reason("birth_date_same", _BIRTH_SAME)]
    if other == turned(one):
        return [Reason("birth_date_turned", _BIRTH_TURNED)]
    if OSA.distance(one.isoformat(), other.isoformat(), score_cutoff=1) <= 1:
        return [Reason("birth_date_similar", _BIRTH_SIMILAR)]
    return [Reason("birth_date_different", _BIRTH_DIFFERENT)]


def _circumstances(one: Person, other: Person) -> list[Reason]:
    reasons: list[Reason] = []
    if one.kind != other.kind:
        reasons.append(Reason("kind_different", _KIND_DIFFERENT))
    sexes = {one.sex, other.sex} - {None, "unknown"}
    if len(sexes) > 1:
        reasons.append(Reason("sex_different", _SEX_DIFFERENT))
    if one.country and other.country and one.country != other.country:
        reasons.append(Reason("country_different", _COUNTRY_DIFFERENT))
    if one.city and other.city and name_words(one.city) == name_words(other.city):
        reasons.append(Reason("city_same", _CITY_SAME))
    return reasons
