"""Random lives of two customers, with a clock that the test moves, and what the plain function says of them after each step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from loyalty.app import SERVICE
from loyalty.ledger import service as ledger_service
from loyalty.ledger.rules import Draw, Grant
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.tiers import booking, repository, service
from loyalty.tiers.facts import history_of
from loyalty.tiers.rules import FOREVER, History, Scheme, chronicle, in_force, standing
from shared.contracts.customers import CustomerMerged, CustomerRegistered, CustomerUnmerged, OrderCancelled, OrderPlaced, OrderReturned
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import deliver

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CUSTOMERS = ("cus_1", "cus_2")
# Ours is found before the database's own, and moves by itself a little with each transaction.
_CLOCK = [
    "SET LOCAL search_path = loyalty, pg_catalog, extensions",
    """CREATE FUNCTION loyalty.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('test.now')::timestamptz $$""",
]
_ADD_SCHEME = """
INSERT INTO tier_schemes (programme_id, version, effective_from, zone, qualification, tiers, is_booked)
SELECT id, $1, $2, $3, $4, $5, true FROM programmes
"""


@dataclass
class Lives:
    """What happened so far, and how the next thing happens."""

    story: Any
    now: datetime
    ledger: Any = None
    orders: list[OrderPlaced] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    merges: int = 0
    is_merged: bool = False
    number: int = 0
    # Whom somebody has just looked at.
    touched: set[str] = field(default_factory=set)

    async def begin(self, ledger: Any) -> None:
        self.ledger = ledger
        for statement in _CLOCK:
            await ledger.fetch(statement)
        await self.set_clock()
        await ledger.fetch("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(CUSTOMERS))

    async def set_clock(self) -> None:
        await self.ledger.fetch("SELECT set_config('test.now', $1, true)", self.now.isoformat())

    async def publish(self, scheme: Scheme) -> None:
        kind = "rolling" if scheme.window else "calendar"
        length = {"length": scheme.window, "hold_months": scheme.hold_months} if scheme.window else {"carry_periods": scheme.carry_periods}
        how = {
            "measure": scheme.measure,
            "wallet": scheme.wallet,
            "period": {"kind": kind, "unit": scheme.unit, **length},
            "grace_days": scheme.grace_days,
            "downgrade": scheme.downgrade,
        }
        tiers = [{"code": tier.code, "threshold": tier.threshold, "name": {"en": tier.code}, "benefits": {}} for tier in scheme.tiers]
        await self.ledger.fetch(_ADD_SCHEME, scheme.version, scheme.effective_from, scheme.zone.key, how, tiers)

    async def schemes(self) -> list[Scheme]:
        async with self.ledger.database.acquire() as connection:
            return (await repository.schemes(connection, PROGRAMME_ID))[PROGRAMME_ID]

    async def history(self, customer_id: str) -> History:
        async with self.ledger.database.acquire() as connection:
            rows = await repository.histories(connection, PROGRAMME_ID, await repository_schemes(connection), [customer_id])
        return history_of(next(iter(rows.values())))

    async def transact(self, act: Callable[[UnitOfWork], Any]) -> None:
        async with UnitOfWork(self.ledger.database) as uow:
            await act(uow)
            await uow.commit()

    async def _refresh(self, uow: UnitOfWork, *customers: str) -> None:
        await booking.refresh(uow, customers)
        self.touched |= set(customers)

    def next_id(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}_{self.number:04}"

    # What happens, each in a transaction.

    async def buy(self, many: list[tuple[str, int, float]]) -> None:
        """Customers buy for amounts, told so many hours late; in between every reading already sees it."""
        placed = [self._order(customer, amount, lag) for customer, amount, lag in many]

        async def act(uow: UnitOfWork) -> None:
            await ledger_service.accrue(uow, placed)
            moments = [order.placed_at + later for order in placed for later in (0 * MINUTE, MINUTE)] + [self.now, self.now + MINUTE]
            await self._check_moments(uow.connection, [(customer, moment) for moment in moments for customer in CUSTOMERS])
            await self._refresh(uow, *(order.customer_id for order in placed))

        await self.transact(act)

    def _order(self, customer: str, amount: int, lag: float) -> OrderPlaced:
        order = self.story.placed(self.next_id("ord"), amount, customer)
        order = order.model_copy(update={"placed_at": self.now - lag * HOUR})
        self.orders.append(order)
        self.left[order.order_id] = amount
        return order

    async def bring_back(self, place: int, part: int, lag: float) -> None:
        """An order, or part of it, comes back."""
        if not self.orders:
            return
        order = self.orders[place % len(self.orders)]
        amount = self.left[order.order_id] * part // 4
        self.left[order.order_id] -= amount
        at = max(self.now - lag * HOUR, order.placed_at)
        event = self.story.returned(order, self.next_id("ret"), amount, order.amount_minor - self.left[order.order_id])
        await self._hear(event.model_copy(update={"returned_at": at}))

    async def cancel(self, place: int, lag: float) -> None:
        """An order is cancelled."""
        if self.orders:
            order = self.orders[place % len(self.orders)]
            event = OrderCancelled(
                order_id=order.order_id,
                customer_id=order.customer_id,
                placed_at=order.placed_at,
                cancelled_at=max(self.now - lag * HOUR, order.placed_at),
                reason="cancelled",
                currency="EUR",
                order_amount_minor=order.amount_minor,
                returned_total_minor=order.amount_minor - self.left[order.order_id],
            )
            self.left[order.order_id] = 0
            await self._hear(event)

    async def _hear(self, event: OrderReturned | OrderCancelled) -> None:
        async def act(uow: UnitOfWork) -> None:
            if isinstance(event, OrderReturned):
                await ledger_service.reverse(uow, [event])
            else:
                await ledger_service.cancel(uow, [event])
            await self._check_moments(uow.connection, [(customer, self.now) for customer in CUSTOMERS])
            await self._refresh(uow, event.customer_id)

        await self.transact(act)

    async def adjust(self, customer: str, points: int) -> None:
        """Somebody gives points, or takes some."""
        name = self.next_id("adj")
        facts = {"kind": "adjustment", "counter": "adjustment", "occurred_at": self.now}

        async def act(uow: UnitOfWork) -> None:
            if points > 0:
                await ledger_service.grant(uow, [Grant(customer, points, name, **facts)])
            else:
                await ledger_service.draw(uow, [Draw(customer, -points, name, **facts)])
            await self._refresh(uow, customer)

        await self.transact(act)

    async def give(self, customer: str, tier: str | None, hours: int | None) -> None:
        """A person gives a tier."""
        until = self.now + hours * HOUR if hours is not None else None

        async def act(uow: UnitOfWork) -> None:
            await repository.override(uow.connection, PROGRAMME_ID, customer, {"tier": tier, "until": until, "reason": None}, "prn_1")
            await self._refresh(uow, customer)

        await self.transact(act)

    async def register(self, customer: str, lag: float) -> None:
        event = CustomerRegistered(customer_id=customer, kind="individual", registered_at=self.now - lag * HOUR)
        await self.ledger.hear(event)
        self.touched.add(customer)

    async def merge_or_part(self) -> None:
        self.merges += not self.is_merged
        ids = {"merge_id": f"mrg_{self.merges}", "survivor_id": "cus_1", "merged_id": "cus_2"}
        event = CustomerUnmerged(**ids, unmerged_at=self.now) if self.is_merged else CustomerMerged(**ids, merged_at=self.now)
        await deliver(self.ledger.database, SERVICE, [(event, 2 * self.merges - (not self.is_merged))])
        self.is_merged = not self.is_merged
        self.touched |= set(CUSTOMERS)

    async def run_pass(self) -> None:
        more = True
        while more:
            async with UnitOfWork(self.ledger.database) as uow:
                more = await booking.book(uow, self.now)
                await uow.commit()

    # What has to be so after each.

    async def check(self) -> None:
        """Every reading says what the plain function says; so does what is booked of whom somebody has just looked at."""
        schemes = await self.schemes()
        for customer in CUSTOMERS:
            history = await self.history(customer)
            async with self.ledger.database.acquire() as connection:
                if await connection.fetchval("SELECT count(*) FROM members WHERE customer_id = $1", customer):
                    found, moment = await service.member_tier(connection, customer)
                    expected = standing(history, schemes, moment)
                    assert found == expected, f"read {found}, not {expected}"
                    assert await service.tier_of(connection, customer, None, None) == (found.tier, found.until), "tier"
                await self._check_moments(connection, [(customer, self.now)])
        for root in {"cus_1"} if self.is_merged and self.touched else self.touched:
            await self._check_booked(root, await self.history(root), schemes)
        self.touched = set()

    async def _check_moments(self, connection: Any, of: list[tuple[str, datetime]]) -> None:
        schemes = await repository_schemes(connection)
        found = await service.standings_at(connection, PROGRAMME_ID, of, schemes)
        for (customer, moment), stood in zip(of, found, strict=True):
            rows = await repository.histories(connection, PROGRAMME_ID, schemes, [customer], max(moment, self.now))
            expected = standing(history_of(next(iter(rows.values()))).before(moment), schemes, moment)
            assert (stood.tier, stood.benefits) == (expected.tier, expected.benefits), (
                f"{customer} at {moment}: {stood.tier}, not {expected.tier}"
            )

    async def _check_booked(self, root: str, history: History, schemes: list[Scheme]) -> None:
        changes = chronicle(history, schemes)
        booked = await self.ledger.fetch(
            "SELECT changed_at, tier FROM tier_changes WHERE customer_id = $1 AND superseded_at IS NULL ORDER BY changed_at", root
        )
        true = [(c.at, c.tier) for c in changes if c.at <= self.now]
        assert [tuple(row) for row in booked] == true, f"booked {booked}, not {true}"
        events = await self.ledger.fetch(
            "SELECT payload, sequence FROM event_log WHERE type LIKE '%tier_changed%' AND aggregateid = $1 ORDER BY position", root
        )
        assert [row["sequence"] for row in events] == list(range(1, len(events) + 1)), "sequence"
        last = orjson.loads(events[-1]["payload"]).get("tier") if events else None
        now = standing(history, schemes, self.now)
        assert last == now.tier, "told"
        kept = await self.ledger.fetch("SELECT tier, since, until, falls_to FROM tier_standings WHERE customer_id = $1", root)
        expected = (now.tier, now.since, now.until if now.until != FOREVER else None, now.falls_to)
        assert not kept or tuple(kept[0]) == expected, f"kept {kept}, not {expected}"
        assert await self.ledger.fetch("SELECT FROM tier_news WHERE customer_id = $1 AND moment <= $2", root, self.now) == [], "news"
        assert in_force(schemes, self.now) is not None


async def repository_schemes(connection: Any) -> list[Scheme]:
    return (await repository.schemes(connection, PROGRAMME_ID))[PROGRAMME_ID]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)
