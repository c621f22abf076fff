"""Any history of grants, spends, holds, transfers, orders, returns, merges and households ends as a brute-force model says.

At any instant, with all workers off or with bookings at any time between.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_model import Model
from ledger_pair import PEOPLE, Both

from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.verification.rules import is_sound
from shared.database.unit_of_work import UnitOfWork

people = st.sampled_from(PEOPLE)
points = st.integers(1, 12)
steps = st.one_of(
    st.tuples(st.just("grant"), people, points, st.sampled_from([None, 0, 1, 3]), st.sampled_from([None, 1, 2, 5])),
    st.tuples(st.just("redeem"), people, points),
    st.tuples(st.just("restore"), st.integers(0, 3), points),
    st.tuples(st.just("hold"), people, points, st.sampled_from([3_600, 86_400, 200_000])),
    st.tuples(st.just("close"), st.integers(0, 3), st.integers(0, 12)),
    st.tuples(st.just("transfer"), people, people, points),
    st.tuples(st.just("order"), people, st.integers(0, 1_500)),
    st.tuples(st.just("return"), st.integers(0, 3), st.integers(0, 700)),
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.just("merge"), st.just(0)),
    st.tuples(st.just("unmerge"), st.just(0)),
    st.tuples(st.just("household"), st.just(0)),
    st.tuples(st.just("book"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 2])),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    script=st.lists(steps, max_size=25),
    policy=st.sampled_from(["only_pending", "within_balance", "allow_negative"]),
    books=st.booleans(),
)
async def test_any_history_ends_as_the_model_says(empty_ledger, script, policy, books):
    async with empty_ledger() as ledger:
        async with UnitOfWork(ledger.database) as uow:
            await uow.connection.execute("UPDATE programmes SET refund_policy = $1", policy)
            await uow.connection.execute("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(PEOPLE))
            both = Both(uow, Model(policy=policy, everybody=PEOPLE), books=books)
            for step in script:
                await both.step(*step)
            await both.compare()
            for _ in range(2):
                await uow.connection.fetch("SELECT * FROM note_timed_out_holds(100, $1)", both.at)
                await uow.connection.fetch("SELECT * FROM book_expiries(100, $1)", both.at)
                await both.compare()
            await uow.connection.fetch("SELECT seal_chains()")
            await uow.commit()
        proof = await ledger.proof()
        assert is_sound(proof), (proof.findings, proof.totals)
