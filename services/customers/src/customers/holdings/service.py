"""What can be done with holdings and credit ratings, and what is noticed about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from asyncpg import Record

from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.holdings import repository
from customers.holdings.errors import CustomerUnknown, HoldingClosed, HoldingDiffers, HoldingNotFound, RatingDiffers
from customers.holdings.repository import NewHolding, StoredHolding
from customers.holdings.rules import (
    Alert,
    Balance,
    check_balance_at,
    check_dates,
    check_period,
    due_alerts,
    falls,
    first_due_at,
    next_due_at,
)
from customers.holdings.schemas import HoldingDraft
from customers.links import repository as links
from customers.profiles import service as profiles
from shared.contracts.customers import HoldingAlertRaised
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version
from shared.ids import new_id

# The second round writes for a customer who was made in the first, or finds that a twin was faster.
_MAX_ROUNDS = 2
# Holdings that one step of the pass looks at.
_PASS_LIMIT = 200
_TOLD_OF_DRAFT = (
    *("product_kind", "name", "currency", "rate_ppm", "opened_at", "matures_at", "payment_due_at", "payment_due_minor"),
    *("maturity_notice_days", "falling_percent", "falling_days", "attributes"),
)


async def record(uow: UnitOfWork, draft: HoldingDraft, now: datetime) -> tuple[StoredHolding, bool]:
    """Record a holding; return it, and whether it is new.

    Raises:
        HoldingDatesRefused: it matures before it was opened, or was opened in the future.
        CustomerUnknown: no customer has the id.
        HoldingDiffers: the external id belongs to a holding with other content.
    """
    check_dates(draft.opened_at, draft.matures_at, now)
    new = _new(draft)
    for _ in range(_MAX_ROUNDS):
        if await repository.insert(uow.connection, new, by_external_id=draft.customer_id is None):
            return await found(uow.connection, new.id), True
        if draft.external_id is not None:
            present = await repository.get_by_external_id(uow.connection, draft.external_id)
            if present is not None:
                return _same(present, draft), False
        if draft.customer_external_id is None:
            raise CustomerUnknown(pointer="/customer_id")
        await profiles.ensure(uow, [draft.customer_external_id])
    raise HoldingDiffers(pointer="/external_id")


def _new(draft: HoldingDraft) -> NewHolding:
    told = {name: getattr(draft, name) for name in _TOLD_OF_DRAFT}
    customer = draft.customer_id or draft.customer_external_id
    assert customer is not None
    new = NewHolding(customer=customer, id=new_id("hld"), external_id=draft.external_id, alert_due_at=None, **told)
    watched = StoredHolding._make([None] * len(StoredHolding._fields))._replace(status="open", **told).watched
    return new._replace(alert_due_at=first_due_at(watched))


def _same(present: StoredHolding, draft: HoldingDraft) -> StoredHolding:
    """Return the holding that exists if it is of the same customer and, as long as nothing changed it, the one that was sent again."""
    customer = present.customer_external_id if draft.customer_id is None else present.customer_id
    untouched = present.version > 1 or all(getattr(present, name) == getattr(draft, name) for name in _TOLD_OF_DRAFT)
    fixed = ("product_kind", "currency", "opened_at")
    if (
        customer != (draft.customer_id or draft.customer_external_id)
        or not untouched
        or any(getattr(present, name) != getattr(draft, name) for name in fixed)
    ):
        raise HoldingDiffers(pointer="/external_id", id=present.id)
    return present


async def amend(uow: UnitOfWork, holding_id: str, changes: Mapping[str, Any], match: int, now: datetime) -> StoredHolding:
    """Change the version of a holding that the client has read.

    What came due before the change is told first: it does not matter how late the worker is.

    Raises:
        HoldingNotFound: there is none.
        PreconditionFailed: it was changed since.
        HoldingClosed: it changes no more.
        HoldingDatesRefused: it would mature before it was opened.
    """
    holding = await _locked(uow, holding_id)
    check_version(match, holding.version)
    if holding.status == "closed":
        raise HoldingClosed
    after = holding._replace(**changes)
    if after == holding:
        return holding
    check_dates(after.opened_at, after.matures_at, now)
    await _raise(uow, [(holding.id, alert) for alert in due_alerts(holding.watched, now)], now)
    await repository.update(uow.connection, after, first_due_at(after.watched))
    return await found(uow.connection, holding_id)


async def note_balance(uow: UnitOfWork, holding_id: str, minor: int, at: datetime | None, now: datetime) -> Balance:
    """Record a balance, and notice a fall that it makes or uncovers.

    Raises:
        HoldingNotFound: there is none.
        HoldingClosed: it changes no more.
        BalanceAtRefused: it is from before the holding was opened, or from the future.
    """
    holding = await _locked(uow, holding_id)
    if holding.status == "closed":
        raise HoldingClosed
    balance = Balance(at or now, minor)
    check_balance_at(balance.at, holding.opened_at, now)
    await repository.add_balance(uow.connection, holding_id, balance)
    if holding.falling_percent is not None and holding.product_kind != "loan":
        window = timedelta(days=holding.falling_days)
        run = await repository.balances_around(uow.connection, holding_id, balance.at - window, balance.at + window)
        found_falls = falls(run, holding.falling_percent, holding.falling_days, balance.at)
        await _raise(uow, [(holding_id, alert) for alert in found_falls], now)
    return balance


async def notice_due(uow: UnitOfWork, now: datetime) -> bool:
    """Tell what has come due about holdings; return whether more may be due. A pass of the workers."""
    due = await repository.lock_due(uow.connection, now, _PASS_LIMIT)
    if due:
        await _raise(uow, [(holding.id, alert) for holding in due for alert in due_alerts(holding.watched, now)], now)
        await repository.reschedule(uow.connection, [(holding.id, next_due_at(holding.watched, now)) for holding in due])
    return len(due) == _PASS_LIMIT


async def _raise(uow: UnitOfWork, alerts: Sequence[tuple[str, Alert]], now: datetime) -> None:
    if not alerts:
        return
    for row in await repository.raise_alerts(uow.connection, alerts, now):
        event = HoldingAlertRaised(
            holding_id=row["holding_id"],
            customer_id=row["customer_id"],
            product_kind=row["product_kind"],
            alert=row["alert"],
            due_at=None if row["alert"] == "balance_falling" else row["about_at"],
            raised_at=now,
        )
        uow.publish(event, sequence=row["sequence"])


async def _locked(uow: UnitOfWork, holding_id: str) -> StoredHolding:
    holding = await repository.lock(uow.connection, holding_id)
    if holding is None:
        raise HoldingNotFound
    return holding


async def found(connection: Connection, holding_id: str) -> StoredHolding:
    """Return a holding.

    Raises:
        HoldingNotFound: there is none.
    """
    holding = await repository.get(connection, holding_id)
    if holding is None:
        raise HoldingNotFound
    return holding


async def listed(connection: Connection, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int) -> list[StoredHolding]:
    """Return the holdings that pass the filters, newest first, after an id."""
    return await repository.page(connection, filters, after, limit)


async def of_customer(connection: Connection, customer_id: str, after: Sequence[Any] | None, limit: int) -> list[StoredHolding]:
    """Return the holdings of a customer's family, newest first.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    return await repository.page_of_family(connection, family.ids, after, limit)


async def balances(connection: Connection, holding_id: str, after: Sequence[Any] | None, limit: int) -> list[Balance]:
    """Return the balances of a holding, newest first.

    Raises:
        HoldingNotFound: there is none.
    """
    found_balances = await repository.balances(connection, holding_id, after, limit)
    if not found_balances:
        await found(connection, holding_id)
    return found_balances


async def behaviour(
    connection: Connection, holding_id: str, starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> dict[str, Any]:
    """Return how the balance of a holding went within a period, a year until now unless another is asked.

    Raises:
        HoldingNotFound: there is none.
        PeriodRefused: the period is empty or too long.
    """
    since, until = check_period(starts_at, ends_at, now)
    holding = await found(connection, holding_id)
    went = await repository.behaviour(connection, holding_id, since, until)
    return {"holding_id": holding_id, "currency": holding.currency, "starts_at": since, "ends_at": until, **went}


async def alerts(connection: Connection, holding_id: str, after: Sequence[Any] | None, limit: int) -> list[Record]:
    """Return the alerts of a holding, the last raised first.

    Raises:
        HoldingNotFound: there is none.
    """
    found_alerts = await repository.alerts(connection, holding_id, after, limit)
    if not found_alerts:
        await found(connection, holding_id)
    return found_alerts


async def alerts_of_customer(connection: Connection, customer_id: str, after: Sequence[Any] | None, limit: int) -> list[Record]:
    """Return the alerts about the holdings of a customer's family, the last raised first.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    return await repository.alerts_of_family(connection, family.ids, after, limit)


async def rate(uow: UnitOfWork, customer_id: str, rating: Mapping[str, Any], actor: str) -> tuple[Record, bool]:
    """Record a credit rating of a customer, also in the audit log; return it, and whether it is new.

    Raises:
        CustomerNotFound: nobody has the id.
        RatingDiffers: the source rated him otherwise at that moment.
    """
    await links.family(uow.connection, customer_id)
    is_new = await repository.rate(uow.connection, customer_id, rating) is not None
    stored = await repository.rated(uow.connection, customer_id, rating["rated_at"], rating["source"])
    if stored is None or (stored["rating"], stored["score"]) != (rating["rating"], rating["score"]):
        raise RatingDiffers(pointer="/rated_at")
    if is_new:
        await audit(uow.connection, [Entry(actor, "credit_rated", customer_id, stored["id"], ("credit_rating",))])
    return stored, is_new


async def ratings(connection: Connection, customer_id: str, after: Sequence[Any] | None, limit: int) -> list[Record]:
    """Return the credit ratings of a customer's family, newest first.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    return await repository.ratings(connection, family.ids, after, limit)


async def financial_summary(connection: Connection, customer_id: str, now: datetime, *, with_rating: bool) -> dict[str, Any]:
    """Return the financial relationship with a customer's family.

    Raises:
        CustomerNotFound: nobody has the id.
    """
    family = await links.family(connection, customer_id)
    products, closed = await repository.sums(connection, family.ids, now)
    latest = await repository.ratings(connection, family.ids, None, 1) if with_rating else []
    return {
        "products": [dict(row) for row in products],
        "closed": closed,
        "credit_rating": dict(latest[0]) if latest else None,
    }


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete the holdings and credit ratings of records; return how many rows of each kind of record."""
    return await repository.erase(connection, ids)


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the holdings of records with their balances and alerts, and the credit ratings."""
    return {name: [dict(row) for row in rows] for name, rows in (await repository.collect(connection, ids)).items()}
