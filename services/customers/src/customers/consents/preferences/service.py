"""What a customer can choose on his preference page, and what his choice does."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from asyncpg import Record

from customers.consents import repository, tokens
from customers.consents.preferences.page import Choice, Section
from customers.consents.preferences.words import DEFAULT, language_of
from customers.consents.purposes import service as purposes
from customers.consents.rules import State
from customers.consents.service import Wish, answer, answers
from customers.consents.tokens import TokenInvalid
from customers.profiles.errors import CustomerNotFound
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.tokens import SigningKey

SOURCE = "preference page"
ACTOR = "customer"
MAX_TEXT_VERSION = 100
# What the page asks for; a customer need not be asked what the law or a contract demands.
_ASKED_FOR = frozenset({"consent", "legitimate_interest", "public_task"})


class Link(NamedTuple):
    """A link to the preference page of one customer."""

    token: str
    expires_at: datetime


class Visit(NamedTuple):
    """Who opened a link, and by which channel it came to him."""

    customer_id: str
    channel: str


class Preferences(NamedTuple):
    """What the page shows."""

    language: str
    sections: list[Section]
    restricted: bool


async def link(connection: Connection, key: SigningKey, customer_id: str, *, channel: str, days: int, now: datetime) -> Link:
    """Return a link for a customer.

    Args:
        connection: to look for him.
        key: signs it.
        customer_id: who will open it.
        channel: by which it is sent to him, and which it therefore confirms.
        days: how long it is good for.
        now: UTC.

    Raises:
        CustomerNotFound: there is none.
    """
    if await repository.prepare(connection, customer_id, "") is None:
        raise CustomerNotFound
    expires_at = now.replace(microsecond=0) + timedelta(days=days)
    claims = {"sub": customer_id, "via": channel}
    return Link(tokens.mint(key, "regulars-preferences", claims, now=now, expires_at=expires_at), expires_at)


async def opened(connection: Connection, token: str, now: datetime) -> Preferences | None:
    """Return what the page shows to whoever opens a link, or None when the link is not valid."""
    visit = await _visit(connection, token, now)
    return visit and await preferences(connection, visit.customer_id)


async def _visit(connection: Connection, token: str, now: datetime) -> Visit | None:
    try:
        claims = await tokens.read(connection, token, "regulars-preferences", now)
        return Visit(str(claims["sub"]), str(claims["via"]))
    except (TokenInvalid, KeyError):
        return None


async def preferences(connection: Connection, customer_id: str) -> Preferences | None:
    """Return what a customer can choose, in his language; None when he is no longer known."""
    prepared = await repository.prepare(connection, customer_id, "")
    if prepared is None:
        return None
    language = language_of(prepared.language)
    standing, given = await answers(connection, customer_id)
    states: dict[tuple[str, str], State] = {(each.purpose, each.channel): each.state for each in given}
    rows = await purposes.catalogue(connection)
    sections = [_section(row, states, language) for row in rows if row["legal_basis"] in _ASKED_FOR]
    return Preferences(language, sections + _undescribed(rows, states), standing.restricted)


def _section(row: Record, states: Mapping[tuple[str, str], State], language: str) -> Section:
    purpose = row["purpose"]
    texts: Mapping[str, Any] = row["texts"].get(row["text_version"], {})
    shown = texts.get(language) or texts.get(DEFAULT) or next(iter(texts.values()), {"title": purpose, "text": ""})
    channels = [*row["channels"], *sorted({channel for name, channel in states if name == purpose} - set(row["channels"]))]
    # What does not rest on consent is ticked until the customer objects.
    default: State | None = None if row["legal_basis"] == "consent" else "granted"
    choices = [_choice(purpose, channel, states.get((purpose, channel)) or default) for channel in channels]
    return Section(shown["title"], shown["text"], row["text_version"], choices)


def _undescribed(rows: Sequence[Record], states: Mapping[tuple[str, str], State]) -> list[Section]:
    """Return sections for what a customer answered though nobody described it: he can withdraw that, too."""
    described = {row["purpose"] for row in rows}
    names = sorted({purpose for purpose, _ in states} - described)
    return [
        Section(name, "", None, [_choice(name, channel, state) for (purpose, channel), state in states.items() if purpose == name])
        for name in names
    ]


def _choice(purpose: str, channel: str, state: State | None) -> Choice:
    return Choice(purpose, channel, granted=state == "granted", pending=state == "pending")


async def choose(uow: UnitOfWork, key: SigningKey, token: str, form: Mapping[str, Sequence[str]], now: datetime) -> Preferences | None:
    """Record what a customer changed on the page and return what it shows now, or None when his link is not valid.

    What the page did not show him, or he left as it was, stays.
    """
    visit = await _visit(uow.connection, token, now)
    page = visit and await preferences(uow.connection, visit.customer_id)
    if visit is None or page is None:
        return None
    for wish in _wishes(page, visit, form):
        await answer(uow, key, visit.customer_id, wish, actor=ACTOR, now=now)
    return await preferences(uow.connection, visit.customer_id)


def _wishes(page: Preferences, visit: Visit, form: Mapping[str, Sequence[str]]) -> list[Wish]:
    shown, ticked = set(form.get("shown", ())), set(form.get("granted", ()))
    wishes = []
    for section in page.sections:
        for choice in section.choices:
            if choice.name not in shown or (choice.name in ticked) == (choice.granted or choice.pending):
                continue
            # The text that he was shown, which may have been replaced since.
            version = next(iter(form.get(f"text:{choice.purpose}", ())), "")[:MAX_TEXT_VERSION] or section.text_version
            granted, confirmed = choice.name in ticked, choice.channel == visit.channel
            wishes.append(Wish(choice.purpose, choice.channel, granted, SOURCE, version, confirmed=confirmed))
    return wishes
