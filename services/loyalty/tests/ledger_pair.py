"""The ledger and the model that it is compared with, side by side."""

from datetime import UTC, datetime, timedelta

from loyalty.holds import service as holds
from loyalty.holds.errors import HoldClosed, HoldExceeded
from loyalty.ledger import repository, service
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.rules import Draw, Grant, Purchase, Restoration, Return
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.transfers import service as transfers

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = ("cus_a", "cus_b", "cus_c")
STATE = "SELECT spendable, pending, held FROM wallet_state(wallets_of($1, 'points', {}($2)), $3)"
HISTORY = "SELECT spendable, pending, held FROM wallet_history(wallets_of($1, 'points', {}($2)), $3, $3)"
LINK = """
INSERT INTO customer_links (customer_id, survivor_id, root_id, merge_id, sequence) VALUES ($1, $2, coalesce($2, $1), 'm', 1)
ON CONFLICT (customer_id) DO UPDATE SET survivor_id = excluded.survivor_id, root_id = excluded.root_id
"""


class Both:
    """Does each step in the ledger and in the model, at the same moments, and compares."""

    def __init__(self, uow, model, *, books):
        self.uow, self.model, self.books = uow, model, books
        self.at = START
        self.redemptions, self.holds, self.orders = [], [], {}
        self.count = 0

    async def step(self, kind, *arguments):
        self.at += timedelta(minutes=1)
        self.count += 1
        await getattr(self, f"_{kind}")(*arguments)

    async def _grant(self, who, amount, available, expires):
        available_from = None if available is None else self.at + available * DAY
        expires_at = None if expires is None else self.at + expires * DAY
        given_points = Grant(who, amount, f"src_{self.count}", self.at, available_from=available_from, expires_at=expires_at)
        outcomes = await service.grant(self.uow, [given_points, given_points], at=self.at)
        assert [outcome.status for outcome in outcomes] == ["posted", "known"]
        self.model.grant(who, amount, self.at, self.at, available_from, expires_at)

    async def _redeem(self, who, amount):
        source = f"red_{self.count}"
        spendable = self.model.spendable(self.model.pool(who), self.at)
        done = self.model.redeem(who, amount, self.at, source)
        [outcome] = await service.draw(self.uow, [Draw(who, amount, source)], at=self.at)
        assert (outcome.status == "posted") is done, outcome
        if done:
            self.redemptions.append(source)
            assert -sum(line.points for line in outcome.lines) == amount
        else:
            assert outcome.spendable == spendable

    async def _restore(self, which, amount):
        if self.redemptions:
            source = self.redemptions[which % len(self.redemptions)]
            restoration = Restoration(source, f"res_{self.count}", amount)
            [outcome] = await service.restore(self.uow, [restoration], at=self.at)
            assert (outcome.status == "posted") is self.model.restore(source, amount, self.at), outcome

    async def _hold(self, who, amount, seconds):
        name = f"name_{self.count}"
        if self.model.hold(who, amount, self.at, seconds, name):
            hold = await holds.place(self.uow, who, amount, seconds=seconds, at=self.at)
            self.holds.append((name, hold.id))
        else:
            try:
                await holds.place(self.uow, who, amount, seconds=seconds, at=self.at)
            except InsufficientPoints:
                return
            raise AssertionError("held what there is not")

    async def _close(self, which, amount):
        if not self.holds:
            return
        name, hold_id = self.holds[which % len(self.holds)]
        done = self.model.close(name, amount, self.at)
        try:
            await (holds.capture(self.uow, hold_id, amount, at=self.at) if amount else holds.void(self.uow, hold_id, at=self.at))
        except (HoldClosed, HoldExceeded):
            assert not done
        else:
            assert done
            self.model.redemptions[hold_id] = self.model.redemptions[name]
            self.redemptions.append(hold_id)

    async def _transfer(self, giver, receiver, amount):
        if receiver in self.model.family(giver):
            return
        done = self.model.transfer(giver, receiver, amount, self.at)
        try:
            await transfers.transfer(self.uow, giver, receiver, amount, actor="test", at=self.at)
        except InsufficientPoints:
            assert not done
        else:
            assert done

    async def _order(self, who, amount):
        name = f"ord_{self.count}"
        self.orders[name] = Purchase(name, who, self.at, amount)
        await repository.post_orders(self.uow.connection, PROGRAMME_ID, [self.orders[name]], self.at)
        self.model.place_order(name, who, amount, self.at, self.at)

    async def _return(self, which, amount):
        if self.orders:
            await self._take_back(which, amount)

    async def _cancel(self, which):
        if self.orders:
            await self._take_back(which, None)

    async def _take_back(self, which, amount):
        name = list(self.orders)[which % len(self.orders)]
        returned = Return(name if amount is None else f"ret_{self.count}", self.orders[name], self.at, amount)
        for _ in range(2):
            await repository.post_returns(self.uow.connection, PROGRAMME_ID, [self.orders[name]], [returned], self.at)
        self.model.take_back(name, self.at, returned=amount or 0, cancel=amount is None)

    async def _merge(self, _):
        self.model.links["cus_b"] = "cus_a"
        await self.uow.connection.execute(LINK, "cus_b", "cus_a")

    async def _unmerge(self, _):
        self.model.links.pop("cus_b", None)
        await self.uow.connection.execute(LINK, "cus_b", None)

    async def _household(self, _):
        if not self.model.households:
            self.model.households.append({"cus_b", "cus_c"})
            await self.uow.connection.execute("INSERT INTO households (id) VALUES ('hhd_1')")
            await self.uow.connection.execute(
                "INSERT INTO household_members (household_id, customer_id) VALUES ('hhd_1', 'cus_b'), ('hhd_1', 'cus_c')"
            )

    async def _book(self, _):
        if self.books:
            await self.uow.connection.fetch("SELECT * FROM note_timed_out_holds(100, $1)", self.at)
            await self.uow.connection.fetch("SELECT * FROM book_expiries(100, $1)", self.at)

    async def _wait(self, days):
        self.at += days * DAY

    async def compare(self):
        for who in PEOPLE:
            for scope, owners in (("family_of", self.model.family(who)), ("pool_of", self.model.pool(who))):
                for query, shifts in ((STATE, (0, 1, 4, 30)), (HISTORY, (0,))):
                    for shift in shifts:
                        at = self.at + shift * DAY
                        row = await self.uow.connection.fetchrow(query.format(scope), PROGRAMME_ID, who, at)
                        expected = (self.model.spendable(owners, at), self.model.pending(owners, at), self.model.held_by(owners, at))
                        assert tuple(row) == expected, (who, scope, shift, query)
