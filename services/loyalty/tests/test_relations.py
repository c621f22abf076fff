"""Customers who may be one person, or share a device: told in any order, over families, and looked at before a referral is rewarded."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_referrals import code_of, promised, refer, refused, settle, stands
from test_segments_in_rules import merged

from loyalty.app import SERVICE
from loyalty.handlers import HANDLERS
from loyalty.ledger.errors import UnusableEvent
from loyalty.privacy.service import collect
from loyalty.relations import repository
from loyalty.relations.rules import Relation, is_of_relation, suspicions_of
from shared.contracts.base import Event
from shared.contracts.customers import CustomerErased, CustomerRegistered, DuplicateSettled, DuplicateSuspected, IdentitySharingChanged
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.ids import new_uuid
from shared.testing.bus import deliver
from shared.testing.plans import plan_of

AT = datetime(2026, 6, 1, tzinfo=UTC)


def suspected(score: int = 80, one: str = "cus_1", other: str = "cus_2", pair: str = "dup_1") -> DuplicateSuspected:
    return DuplicateSuspected(pair_id=pair, customer_id=one, other_id=other, score=score, reasons=["phone_same"], suspected_at=AT)


def settled(outcome: str = "rejected", one: str = "cus_1", other: str = "cus_2", pair: str = "dup_1") -> DuplicateSettled:
    return DuplicateSettled(pair_id=pair, customer_id=one, other_id=other, outcome=outcome, settled_at=AT)


def shares(*kinds: str, one: str = "cus_1", other: str = "cus_2", sharing: str = "shr_1") -> IdentitySharingChanged:
    return IdentitySharingChanged(sharing_id=sharing, customer_id=one, other_id=other, kinds=list(kinds), changed_at=AT)


async def hear(ledger, *told: tuple[Event, int]) -> None:
    """Hand events of one type and their sequences to their handler, as one batch."""
    batch = [
        Received(event, Envelope(new_uuid(), event.type, "/regulars/customers", event.aggregate_id, event.key, sequence, AT))
        for event, sequence in told
    ]
    async with UnitOfWork(ledger.database) as uow:
        await HANDLERS[type(told[0][0])](uow, batch)
        await uow.commit()


async def relation(ledger, one: str = "cus_1", other: str = "cus_2") -> tuple[int | None, Sequence[str]]:
    [row] = await ledger.fetch("SELECT score, shared FROM relation_of(family_of($1), family_of($2))", one, other)
    return row["score"], row["shared"]


# Rules


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Relation(), []),
        (Relation(59), []),
        (Relation(60), ["suspected_duplicate"]),
        (Relation(99, ["card", "device"]), ["suspected_duplicate", "shared_card", "shared_device"]),
    ],
)
def test_what_speaks_against_being_strangers(known, expected):
    assert suspicions_of(known, 60) == expected
    assert all(is_of_relation(each) for each in expected)


def test_what_is_noted_once_is_not_of_how_two_relate():
    assert not any(is_of_relation(each) for each in ("referral_velocity", "referrer_frozen", "shared_household_before"))


# Following


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
async def test_what_was_told_last_counts_in_any_order_and_however_often(empty_ledger, data):
    one_told = st.one_of(st.integers(50, 100).map(suspected), st.sampled_from(["rejected", "unlike", "confirmed"]).map(settled))
    events = data.draw(st.lists(one_told, min_size=1, max_size=5))
    told = list(enumerate(events, 1))
    async with empty_ledger() as ledger:
        for sequence, event in data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=3))])):
            await hear(ledger, (event, sequence))
        last = events[-1]
        assert await relation(ledger) == (last.score if isinstance(last, DuplicateSuspected) else None, [])
        assert await relation(ledger, "cus_2", "cus_1") == await relation(ledger)


async def test_a_batch_may_tell_of_one_pair_twice(ledger):
    await hear(ledger, (suspected(70), 1), (suspected(90), 2), (suspected(60, other="cus_3", pair="dup_2"), 1))
    assert (await relation(ledger), await relation(ledger, other="cus_3")) == ((90, []), (60, []))
    await hear(ledger, (shares("device"), 1), (shares("card", "device"), 2))
    assert await relation(ledger) == (90, ["card", "device"])
    await hear(ledger, (shares(), 3))
    assert await relation(ledger) == (90, [])


async def test_families_relate_as_their_records_do_and_who_was_said_to_be_another_stays_so(ledger):
    await hear(ledger, (suspected(80, "cus_2", "cus_3"), 1))
    await hear(ledger, (shares("card", one="cus_2", other="cus_3"), 1))
    assert await relation(ledger, "cus_1", "cus_3") == (None, [])
    await ledger.hear(merged())
    assert await relation(ledger, "cus_1", "cus_3") == (80, ["card"])
    await hear(ledger, (settled("rejected", "cus_1", "cus_3", "dup_2"), 1))
    # Two persons, but with one card.
    assert await relation(ledger, "cus_3", "cus_2") == (None, ["card"])


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (suspected(), {"score": 101}),
        (suspected(), {"score": -1}),
        (suspected(), {"other_id": "cus_1"}),
        (suspected(), {"other_id": "x" * 201}),
        (suspected(), {"customer_id": ""}),
        (settled(), {"pair_id": "\0"}),
        (shares("card"), {"kinds": ["a,b"]}),
        (shares("card"), {"kinds": ["card"] * 21}),
        (shares("card"), {"kinds": [""]}),
    ],
)
async def test_what_nothing_can_be_is_refused(ledger, event, change):
    with pytest.raises(UnusableEvent):
        await hear(ledger, (event.model_copy(update=change), 1))
    assert await ledger.fetch("SELECT FROM relations") == []


@pytest.mark.parametrize("who", ["cus_1", "cus_2"])
async def test_who_is_erased_relates_to_nobody_and_others_do_not_see_to_whom(ledger, who):
    await hear(ledger, (suspected(), 1))
    await hear(ledger, (shares("card"), 1))
    async with ledger.database.acquire() as connection:
        shown = (await collect(connection, [who]))["relations"]
    assert [(each["customer_id"], each["score"], each["shared"]) for each in shown] == [(who, 80, []), (who, None, ["card"])]
    assert not ({"cus_1", "cus_2"} - {who}) & set(orjson.dumps(shown).decode().split('"'))
    await ledger.hear(CustomerErased(erasure_id="era_1", customer_id=who, customer_ids=[who], requested_at=AT))
    await hear(ledger, (suspected(90), 2))
    await hear(ledger, (settled("rejected"), 3))
    await hear(ledger, (shares("device"), 2))
    assert await ledger.fetch("SELECT FROM relations") == []


async def test_behind_the_consumer_what_comes_early_waits_and_what_is_malformed_waits_alone(database, ledger):
    early = await deliver(database, SERVICE, [(settled(), 2), (shares("card", "device"), 2)])
    assert (early.applied, early.early) == (0, 2)
    told = [
        (suspected(), 1),
        (shares("card"), 1),
        (suspected(101, "cus_5", "cus_6", "dup_5"), 1),
        (suspected(70, "cus_7", "cus_8", "dup_7"), 1),
    ]
    became = await deliver(database, SERVICE, told)
    assert became.dead == 1
    assert (await relation(ledger), await relation(ledger, "cus_7", "cus_8")) == ((None, ["card", "device"]), (70, []))


# Referrals


def registered(customer: str) -> CustomerRegistered:
    return CustomerRegistered(customer_id=customer, kind="individual", registered_at=datetime.now(UTC))


async def started(client, ledger, **more: Any) -> str:
    await promised(client, **more)
    await ledger.hear(registered("cus_1"), registered("cus_2"))
    return await code_of(client)


async def reviews(client) -> list[dict[str, Any]]:
    return (await client.get("/v1/reviews", params={"state": "open"})).json()["data"]


async def decide(client, review: dict[str, Any], decision: str) -> None:
    answer = await client.post(f"/v1/reviews/{review['id']}/{decision}", json={"reason": "looked at"})
    assert answer.status_code == 200, answer.text


async def test_who_may_be_himself_is_looked_at_before_he_is_rewarded(client, ledger, story):
    code = await started(client, ledger)
    await hear(ledger, (suspected(), 1))
    made = await refer(client, code)
    assert (made["state"], made["suspicions"]) == ("pending", ["suspected_duplicate"])
    await ledger.hear(bought_now(story))
    assert await stands(ledger) == ("waiting", None)
    [review] = await reviews(client)
    assert (review["kind"], review["reasons"], review["score"]) == ("referral", ["suspected_duplicate"], 70)
    await decide(client, review, "approve")
    await settle(ledger, after_days=30)
    assert await stands(ledger) == ("completed", None)


async def test_what_comes_to_light_later_stops_a_referral_until_it_is_settled(client, ledger, story):
    made = await refer(client, await started(client, ledger))
    await ledger.hear(bought_now(story))
    assert await stands(ledger) == ("qualified", None)
    await hear(ledger, (shares("device", one="cus_2", other="cus_1"), 1))
    await hear(ledger, (shares("device", one="cus_2", other="cus_1"), 1))
    assert await stands(ledger) == ("waiting", None)
    assert (await client.get(f"/v1/referrals/{made['id']}")).json()["suspicions"] == ["shared_device"]
    assert [review["reasons"] for review in await reviews(client)] == [["shared_device"]]
    await hear(ledger, (shares(one="cus_2", other="cus_1"), 2))
    assert await stands(ledger) == ("qualified", None)
    assert (await client.get(f"/v1/referrals/{made['id']}")).json()["suspicions"] == []


async def test_what_was_told_while_a_referral_was_made_is_seen_before_it_is_rewarded(client, ledger, story):
    await refer(client, await started(client, ledger))
    await ledger.hear(bought_now(story))
    # As if neither transaction had seen the other.
    async with ledger.database.acquire() as connection:
        await repository.keep(connection, [repository.Told("dup_1", "cus_1", "cus_2", 90, False, (), 1)])
    await settle(ledger, after_days=30)
    assert await stands(ledger) == ("waiting", None)
    assert [review["reasons"] for review in await reviews(client)] == [["suspected_duplicate"]]


async def test_what_nobody_has_looked_at_yet_is_looked_at_after_a_review(client, ledger, story):
    await refer(client, await started(client, ledger))
    await ledger.hear(bought_now(story))
    await hear(ledger, (shares("device"), 1))
    [first] = await reviews(client)
    await hear(ledger, (suspected(), 1))
    assert len(await reviews(client)) == 1
    # He approves what he was shown.
    await decide(client, first, "approve")
    [second] = await reviews(client)
    assert (await stands(ledger), second["reasons"]) == (("waiting", None), ["suspected_duplicate"])
    await decide(client, second, "reject")
    assert await stands(ledger) == ("refused", "rejected")


async def test_the_scheme_may_refuse_them_or_ask_for_nothing(client, ledger, story):
    code = await started(client, ledger, on_shared_identity="refuse", suspected_from_score=90)
    await ledger.hear(registered("cus_3"), registered("cus_4"))
    await hear(ledger, (suspected(90, other="cus_3", pair="dup_3"), 1))
    assert await refused(client, code, "cus_3") == "referral_shared_identity"
    await hear(ledger, (suspected(89), 1))
    await refer(client, code)
    await ledger.hear(bought_now(story))
    assert await stands(ledger) == ("qualified", None)
    await hear(ledger, (shares("card"), 1))
    assert await stands(ledger) == ("refused", "referral_shared_identity")
    [row] = await ledger.fetch("SELECT payload FROM event_log WHERE type LIKE '%referral_refused%'")
    assert orjson.loads(row["payload"])["reason"] == "referral_shared_identity"
    await promised(client, on_shared_identity="ignore")
    await hear(ledger, (shares("card", other="cus_4", sharing="shr_4"), 1))
    made = await refer(client, code, "cus_4")
    assert made["suspicions"] == []


async def test_a_denied_suspicion_suspects_nobody(client, ledger):
    code = await started(client, ledger)
    await hear(ledger, (settled(), 1))
    assert (await refer(client, code))["suspicions"] == []


def bought_now(story, customer: str = "cus_2"):
    return story.placed("ord_1", 5_000, customer).model_copy(update={"placed_at": datetime.now(UTC) + timedelta(seconds=1)})


_STATEMENTS = [
    # Whichever of the two has less to do with others.
    ("ix_relations_", "SELECT * FROM relation_of($1, $2)", "ARRAY['cus_7'], ARRAY['cus_8']"),
    ("ix_relations_other_id", repository._ERASE, "ARRAY['cus_7']"),
    ("ix_relations_customer_id", repository._COLLECT, "ARRAY['cus_7']"),
]


async def test_the_indexes_are_used(database):
    missed = {}
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO relations (id, customer_id, other_id, is_rejected, shared, sequence)
            SELECT 'dup_' || n, 'cus_' || n, 'cus_' || n + 1, false, '{}', 1 FROM generate_series(1, 3000) AS n;
            ANALYZE relations;
            """
        )
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            if index not in plan:
                missed[index] = plan
    assert not missed, "\n\n".join(f"{index}:\n{plan}" for index, plan in missed.items())
