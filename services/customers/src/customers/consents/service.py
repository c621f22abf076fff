"""What can be done with consents: record answers, confirm them, and decide by them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from asyncpg import Record

from customers.consents import repository, tokens
from customers.consents.errors import ConfirmationInvalid, ConfirmationSuperseded, DecisionNotFound, ObservedInFuture
from customers.consents.quiet import quiet_until
from customers.consents.repository import Answer, Asked, Decided, Standing
from customers.consents.rules import State, answered, decide, effective
from customers.consents.tokens import TokenInvalid
from customers.profiles.errors import CustomerNotFound
from customers.timeline.service import Touch
from customers.timeline.service import record as record_touches
from shared.contracts.customers import ConsentChanged
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.tokens import SigningKey

CONFIRMATION_LIFETIME = timedelta(days=7)
CONFIRMED = "double opt-in"
# The clocks of those who observe are not ours.
_CLOCK_MARGIN = timedelta(minutes=5)


class Wish(NamedTuple):
    """What a customer answered, and the proof of it."""

    purpose: str
    channel: str
    granted: bool
    source: str
    text_version: str | None
    observed_at: datetime | None = None
    # The answer came by the channel that it is about.
    confirmed: bool = False


class Pending(NamedTuple):
    """What a customer needs to confirm his answer."""

    token: str
    expires_at: datetime


async def answer(
    uow: UnitOfWork, key: SigningKey, customer_id: str, wish: Wish, *, actor: str, now: datetime
) -> tuple[Answer, Pending | None]:
    """Record what a customer answered; return what counts for him now and, for double opt-in, what confirms it.

    Raises:
        CustomerNotFound: there is none.
        ObservedInFuture: it is said to have been observed later than now.
    """
    if wish.observed_at is not None and wish.observed_at > now + _CLOCK_MARGIN:
        raise ObservedInFuture(pointer="/observed_at")
    prepared = await repository.prepare(uow.connection, customer_id, wish.purpose)
    if prepared is None:
        raise CustomerNotFound
    state = answered(granted=wish.granted, double_opt_in=prepared.double_opt_in, confirmed=wish.confirmed)
    row = await _record(uow, customer_id, wish, state, wish.observed_at or now, actor)
    counting = await effective_answer(uow.connection, customer_id, wish.purpose, wish.channel)
    return counting, _pending(key, row, now) if state == row["state"] == "pending" else None


async def _record(uow: UnitOfWork, customer_id: str, wish: Wish, state: State, observed_at: datetime, actor: str) -> Record:
    row = await repository.record(
        uow.connection,
        customer_id=customer_id,
        purpose=wish.purpose,
        channel=wish.channel,
        state=state,
        source=wish.source,
        text_version=wish.text_version,
        observed_at=observed_at,
        actor=actor,
    )
    event = ConsentChanged(
        consent_id=row["id"],
        customer_id=customer_id,
        purpose=wish.purpose,
        channel=wish.channel,
        granted=row["state"] == "granted",
        changed_at=row["changed_at"],
    )
    uow.publish(event, sequence=row["version"])
    summary = {"purpose": wish.purpose, "state": state}
    touch = Touch(customer_id, "consent", f"{row['id']}-{row['version']}", observed_at, channel=wish.channel, summary=summary)
    await record_touches(uow.connection, [touch])
    return row


def _pending(key: SigningKey, row: Record, now: datetime) -> Pending:
    expires_at = now.replace(microsecond=0) + CONFIRMATION_LIFETIME
    claims = {"sub": row["id"], "ver": row["version"]}
    return Pending(tokens.mint(key, "regulars-consent-confirmation", claims, now=now, expires_at=expires_at), expires_at)


async def confirm(uow: UnitOfWork, token: str, now: datetime) -> Answer:
    """Do the second step of a double opt-in; twice is as good as once.

    Raises:
        ConfirmationInvalid: the token is none of ours, or expired.
        ConfirmationSuperseded: the customer answered otherwise since.
    """
    try:
        claims = await tokens.read(uow.connection, token, "regulars-consent-confirmation", now)
        consent_id, version = str(claims["sub"]), int(claims["ver"])
    except (TokenInvalid, KeyError, TypeError, ValueError):
        raise ConfirmationInvalid(pointer="/token") from None
    row = await repository.lock(uow.connection, consent_id)
    if row is None:
        raise ConfirmationInvalid(pointer="/token")
    done_before = row["state"] == "granted" and row["source"] == CONFIRMED and row["version"] == version + 1
    if not done_before:
        if row["state"] != "pending" or row["version"] != version:
            raise ConfirmationSuperseded
        wish = Wish(row["purpose"], row["channel"], granted=True, source=CONFIRMED, text_version=row["text_version"])
        await _record(uow, row["customer_id"], wish, "granted", now, "customer")
    return await effective_answer(uow.connection, row["customer_id"], row["purpose"], row["channel"])


async def effective_answer(connection: Connection, customer_id: str, purpose: str, channel: str) -> Answer:
    """Return the answer that counts for a customer who was asked."""
    _, counting = await answers(connection, customer_id)
    return next(each for each in counting if (each.purpose, each.channel) == (purpose, channel))


async def answers(connection: Connection, customer_id: str) -> tuple[Standing, list[Answer]]:
    """Return a customer's records and the answers that count for him, by purpose and channel.

    Raises:
        CustomerNotFound: there is none.
    """
    standing = await repository.standing(connection, customer_id)
    if standing is None:
        raise CustomerNotFound
    given = await repository.answers(connection, standing.ids)
    counting = []
    for _, group in groupby(given, key=lambda each: (each.purpose, each.channel)):
        by_id = {each.id: each for each in group}
        held = effective([each.held() for each in by_id.values()], standing.links)
        if held is not None:
            counting.append(by_id[held.consent_id])
    return standing, counting


async def check(
    connection: Connection, questions: Sequence[tuple[str, str, str]], actor: str, now: datetime
) -> list[Mapping[str, Any] | None]:
    """Decide whether customers may be addressed and keep the decisions; None for unknown customers.

    Args:
        connection: inside a transaction.
        questions: customer, purpose and channel of each.
        actor: who asks.
        now: the present moment.
    """
    if not questions:
        return []
    known = await repository.asked(connection, questions)
    places = [place for place, asked in enumerate(known) if asked is not None]
    if not places:
        return [None] * len(questions)
    decided = [_decided(asked, now) for asked in known if asked is not None]
    ids, decided_at = await repository.keep(connection, [questions[place] for place in places], decided, actor)
    decisions: list[Mapping[str, Any] | None] = [None] * len(questions)
    for place, decision_id, each in zip(places, ids, decided, strict=True):
        customer_id, purpose, channel = questions[place]
        decisions[place] = {
            "decision_id": decision_id,
            "customer_id": customer_id,
            "purpose": purpose,
            "channel": channel,
            **each.verdict._asdict(),
            "basis": each.basis,
            "quiet_until": each.quiet_until,
            "decided_at": decided_at,
        }
    return decisions


async def decision(connection: Connection, decision_id: str) -> Record:
    """Return a decision.

    Raises:
        DecisionNotFound: there is none.
    """
    row = await repository.decision(connection, decision_id)
    if row is None:
        raise DecisionNotFound
    return row


def _decided(asked: Asked, now: datetime) -> Decided:
    counting = effective(asked.held, asked.links)
    verdict = decide(asked.legal_basis, counting.state if counting else None, restricted=asked.restricted)
    return Decided(verdict, {each.consent_id: each.version for each in asked.held}, quiet_until(asked.preferences, now))


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete the consents of records, with their proofs and decisions."""
    return await repository.erase(connection, ids)


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return all that is kept of the consents of records."""
    return {
        "consents": [dict(row) for row in await repository.history(connection, ids)],
        "consent_decisions": [dict(row) for row in await repository.decisions_of(connection, ids)],
    }
