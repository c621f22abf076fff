"""A shop's history through the loyalty service: its own handlers on a database, month after month, with members who spend."""

import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

from histories import History
from loyalty.handlers import HANDLERS
from loyalty.ledger import service as ledger
from loyalty.ledger.rules import Draw
from shared.contracts.base import Event
from shared.contracts.customers import CustomerRegistered, OrderPlaced, OrderReturned
from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.ids import new_uuid

# Prices of rewards, the dearest first: who spends takes the best that he can pay.
PRICES = (400, 300, 200, 100, 60)
# Of a hundred members who could, so many spend in a month.
_SPENDERS = 30
_EVENTS = 500
# Postings a transaction.
_DRAWS = 200
_BALANCES = """
SELECT customer_id, balance FROM accounts
WHERE kind = 'member' AND wallet = 'points' AND balance >= $1 AND programme_id = 'prg_00000000000000000000000001' ORDER BY customer_id
"""


class Shop:
    """Plays a history.

    Args:
        database: of the loyalty service.
        history: what happened.

    Attributes:
        redeemed: points that members spent on rewards.
        seconds: how long the events took, without the spending.
    """

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history
        self.redeemed = 0
        self.seconds = 0.0

    async def months(self) -> AsyncIterator[datetime]:
        """Tell the history and yield the end of each month, once its spending is done."""
        known: set[str] = set()
        for month, events in groupby(self._history.events, key=lambda event: moment_of(event).strftime("%Y-%m")):
            began = time.perf_counter()
            for batch in _batches(events, known):
                await self._hear(batch)
            self.seconds += time.perf_counter() - began
            end = _end_of(month)
            await self._spend(end)
            yield end

    async def _hear(self, events: Sequence[Event]) -> None:
        async with UnitOfWork(self._database) as uow:
            for kind, some in groupby(events, type):
                await HANDLERS[kind](uow, [_received(event) for event in some])
            await uow.commit()

    async def _spend(self, moment: datetime) -> None:
        booked = _DRAWS
        while booked == _DRAWS:
            async with UnitOfWork(self._database) as uow:
                booked = await ledger.book_expiries(uow, _DRAWS, at=moment)
                await uow.commit()
        async with self._database.acquire() as connection:
            rows = await connection.fetch(_BALANCES, PRICES[-1])
        spenders = [(row["customer_id"], row["balance"]) for row in rows if _is_spender(row["customer_id"], moment)]
        for place in range(0, len(spenders), _DRAWS):
            draws = [_redemption(customer, balance, moment) for customer, balance in spenders[place : place + _DRAWS]]
            async with UnitOfWork(self._database) as uow:
                outcomes = await ledger.draw(uow, draws, at=moment)
                await uow.commit()
            self.redeemed += sum(draw.points for draw, outcome in zip(draws, outcomes, strict=True) if outcome.status == "posted")


def moment_of(event: OrderPlaced | OrderReturned) -> datetime:
    """Return when something happened in the shop."""
    return event.placed_at if isinstance(event, OrderPlaced) else event.returned_at


def _batches(events: Iterator[OrderPlaced | OrderReturned], known: set[str]) -> Iterator[list[Event]]:
    """Yield what happened in batches, as a consumer has them: those who are new register first."""
    while some := list(islice(events, _EVENTS)):
        new = {event.customer_id: moment_of(event) for event in reversed(some) if event.customer_id not in known}
        known.update(new)
        registered = [CustomerRegistered(customer_id=one, kind="individual", registered_at=moment) for one, moment in new.items()]
        yield [*registered, *some]


def _received(event: Event) -> Received[Any]:
    envelope = Envelope(new_uuid(), event.type, "/regulars/customers", event.aggregate_id, event.key, 1, datetime.now(UTC))
    return Received(event, envelope)


def _end_of(month: str) -> datetime:
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _is_spender(customer_id: str, moment: datetime) -> bool:
    """Return whether somebody spends in a month: by a hash, so that every run is the same."""
    return hashlib.sha256(f"{customer_id} {moment:%Y-%m}".encode()).digest()[0] * 100 < _SPENDERS * 256


def _redemption(customer_id: str, balance: int, moment: datetime) -> Draw:
    price = next(price for price in PRICES if price <= balance)
    return Draw(customer_id, price, f"rdm_{customer_id}_{moment:%Y%m}", occurred_at=moment)
