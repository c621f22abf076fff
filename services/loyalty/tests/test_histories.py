"""Any history under any policies of expiry, told late or twice and booked or not, is at every step what a brute-force model says.

`LOYALTY_TEST_HISTORIES=10000` runs as many.
"""

import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_model import EVER, Model
from ledger_pair import DAY, HISTORY, PEOPLE, STATE, Both

from loyalty.expiry.rules import Term
from loyalty.ledger import repository, service
from loyalty.ledger.rules import Draw, Grant, Purchase
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.verification.rules import is_sound
from shared.database.unit_of_work import UnitOfWork

HISTORIES = int(os.environ.get("LOYALTY_TEST_HISTORIES", "200"))
# Before the clock of the database, by which the ledger notes when it heard of an order.
BEGINNING = datetime(2025, 10, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADD_POLICY = """
INSERT INTO expiry_policies (programme_id, version, kind, unit, units, zone, effective_from)
SELECT $1, count(*) + 1, $2, $3, $4, $5, $6 FROM expiry_policies
"""
OPEN = """
SELECT customer_id, nullif(greatest(expires_at, frontier), 'infinity') AS expires_at, remaining
FROM accounts JOIN standing_of(wallets_of($1, 'points', $2), $3) AS standing
    ON account_id = accounts.id JOIN lots USING (account_id, expiry_version) WHERE remaining > 0 AND expires_at > since
"""

people = st.sampled_from(PEOPLE)
points = st.integers(1, 12)
# How late something is told, in hours.
lateness = st.sampled_from([0, 0, 0, 5, 30, 60, 100])
zones = st.sampled_from(["UTC", "Europe/Riga", "America/Havana"])
terms = st.one_of(
    st.builds(Term, st.just("activity"), st.just("day"), st.integers(0, 3), zones),
    st.builds(Term, st.just("activity"), st.just("month"), st.just(1), zones),
    st.builds(Term, st.just("rolling"), st.sampled_from(["day", "month"]), st.integers(0, 2), zones),
    st.builds(Term, st.just("calendar"), st.sampled_from(["month", "quarter"]), st.integers(0, 1), zones),
    st.just(Term("never")),
)
steps = st.one_of(
    st.tuples(st.just("earn"), people, points, lateness),
    st.tuples(st.just("order"), people, st.integers(0, 1_500), lateness),
    st.tuples(st.just("grant"), people, points, st.sampled_from([None, 1, 3]), st.sampled_from([1, 2, 5])),
    st.tuples(st.just("spend"), people, points, lateness),
    st.tuples(st.just("restore"), st.integers(0, 3), points),
    st.tuples(st.just("hold"), people, points, st.sampled_from([3_600, 86_400, 200_000])),
    st.tuples(st.just("close"), st.integers(0, 3), st.integers(0, 12)),
    st.tuples(st.just("transfer"), people, people, points),
    st.tuples(st.just("return"), st.integers(0, 3), st.integers(0, 700)),
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.just("policy"), terms),
    st.tuples(st.just("book"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1, 1, 2, 4])),
)


class Histories(Both):
    """Adds policies and what is told late."""

    def __init__(self, uow, model, *, books):
        super().__init__(uow, model, books=books)
        self.at = BEGINNING
        self.told = []

    async def step(self, kind, *arguments):
        await super().step(kind, *arguments)
        self.told.append(self.at)
        await self.compare()

    async def _policy(self, term):
        unit, units = (None, None) if term.kind == "never" else (term.unit, term.units)
        self.model.terms.append((self.at, term))
        await self.uow.connection.execute(ADD_POLICY, PROGRAMME_ID, term.kind, unit, units, term.zone, self.at)

    async def _earn(self, who, amount, late):
        moment = self.at - late * HOUR
        earned = Grant(who, amount, f"src_{self.count}", moment)
        for _ in range(2):
            await service.grant(self.uow, [earned], at=self.at)
        self.model.grant(who, amount, self.at, moment)

    async def _spend(self, who, amount, late):
        source, moment = f"red_{self.count}", self.at - late * HOUR
        done = self.model.redeem(who, amount, self.at, source, moment)
        [outcome] = await service.draw(self.uow, [Draw(who, amount, source, moment)], at=self.at)
        assert (outcome.status == "posted") is done, outcome
        if done:
            self.redemptions.append(source)

    async def _order(self, who, amount, late):
        name, moment = f"ord_{self.count}", self.at - late * HOUR
        self.orders[name] = Purchase(name, who, moment, amount)
        for _ in range(2):
            await repository.post_orders(self.uow.connection, PROGRAMME_ID, [self.orders[name]], self.at)
        self.model.place_order(name, who, amount, self.at, moment)

    async def compare(self):
        connection = self.uow.connection
        for who in PEOPLE:
            family = self.model.family(who)
            for ahead in (0, 2):
                at = self.at + ahead * DAY
                row = await connection.fetchrow(STATE.format("family_of"), PROGRAMME_ID, who, at)
                expected = (self.model.spendable(family, at), self.model.pending(family, at), self.model.held_by(family, at))
                assert tuple(row) == expected, (who, ahead)
        rows = await connection.fetch(OPEN, PROGRAMME_ID, list(PEOPLE), self.at)
        counting = [lot for lot in self.model.of(PEOPLE) if lot.left and not self.model.lapsed(lot, self.at)]
        assert sorted((who, expires_at or EVER, left) for who, expires_at, left in rows) == sorted(
            (lot.owner, self.model.expiry(lot, self.at), lot.left) for lot in counting
        )

    async def compare_the_past(self, pairs):
        for valid, known in pairs:
            for who in PEOPLE:
                row = await self.uow.connection.fetchrow(
                    HISTORY.format("family_of").replace("$3, $3", "$3, $4"), PROGRAMME_ID, who, valid, known
                )
                assert tuple(row)[:2] == self.model.as_of(self.model.family(who), valid, known), (who, valid, known)


@pytest.mark.long
@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    first=terms,
    script=st.lists(steps, max_size=20),
    policy=st.sampled_from(["only_pending", "within_balance", "allow_negative"]),
    books=st.booleans(),
    data=st.data(),
)
async def test_any_history_is_what_the_model_says(empty_ledger, first, script, policy, books, data):
    async with empty_ledger() as ledger:
        async with UnitOfWork(ledger.database) as uow:
            await uow.connection.execute("UPDATE programmes SET refund_policy = $1", policy)
            await uow.connection.execute("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(PEOPLE))
            both = Histories(uow, Model(policy=policy, everybody=PEOPLE), books=books)
            await both.step("policy", first)
            for step in script:
                await both.step(*step)
            for _ in range(2):
                await uow.connection.fetch("SELECT * FROM note_timed_out_holds(100, $1)", both.at)
                await uow.connection.fetch("SELECT * FROM book_expiries(100, $1)", both.at)
                await both.compare()
            moments = [moment + shift * HOUR for moment in both.told for shift in (0, 7, -30)]
            pairs = data.draw(st.lists(st.tuples(st.sampled_from(moments), st.sampled_from([*moments, EVER])), max_size=6))
            await both.compare_the_past([*pairs, (both.at, both.at)])
            await uow.commit()
        proof = await ledger.proof()
        assert is_sound(proof), (proof.findings, proof.totals)
