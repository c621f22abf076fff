"""Every entry tells why it has its points, and doing it again gives the same; what else earns points; what erasure leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_earning import BASE, DOUBLE, TEA, back, basket, publish

from loyalty.due import celebrate_anniversaries
from loyalty.earning import explaining
from loyalty.ledger.errors import UnusableEvent
from loyalty.privacy.service import collect, erase
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerUpdated, InteractionRecorded
from shared.contracts.feedback import ResponseRecorded
from shared.database.unit_of_work import UnitOfWork

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def answered(response="rsp_1", customer: str | None = "cus_1", score=9) -> ResponseRecorded:
    return ResponseRecorded(
        response_id=response,
        subject_id=customer or response,
        customer_id=customer,
        question="nps",
        score=score,
        has_comment=True,
        answered_at=NOW,
    )


def met(interaction="itr_1", kind="visit") -> InteractionRecorded:
    return InteractionRecorded(interaction_id=interaction, customer_id="cus_1", kind=kind, occurred_at=NOW)


async def celebrate(ledger, now: datetime) -> None:
    async with UnitOfWork(ledger.database) as uow:
        await celebrate_anniversaries(uow, now)
        await uow.commit()


async def test_an_entry_by_rules_explains_itself_and_comes_out_again(client, ledger, story):
    await publish(ledger, BASE, DOUBLE, TEA)
    await ledger.hear(basket("ord_1", ("tea", 3, 900), ("cup", 1, 150), story=story))
    [entry] = await ledger.fetch("SELECT id FROM entries WHERE rule_version = 'rul_1@1'")
    told = (await client.get(f"/v1/entries/{entry['id']}/explanation")).json()
    assert (told["points"], told["recomputed"], told["matches"]) == (36, 36, True)
    assert told["rules"] == ["rul_0@1", "rul_1@1", "rul_2@1"]
    assert told["inputs"]["event"]["amount_minor"] == 1_050
    assert [(step["rule"], step["points"]) for step in told["steps"]] == [("rul_0@1", 21), ("rul_2@1", 15), ("rul_1@1", 36)]


async def test_an_entry_by_the_rate_comes_out_again(client, ledger, story):
    await ledger.hear(story.placed("ord_1", 1_199))
    [entry] = (await client.get("/v1/members/cus_1/entries")).json()["data"]
    told = (await client.get(f"/v1/entries/{entry['id']}/explanation")).json()
    assert (told["points"], told["recomputed"], told["matches"]) == (11, 11, True)
    assert (await client.get("/v1/entries/ent_none/explanation")).status_code == 404


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(baskets=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3_000)), min_size=1, max_size=5))
async def test_whatever_was_bought_every_entry_comes_out_again(empty_ledger, story, baskets):
    async with empty_ledger() as ledger:
        await publish(ledger, BASE, {**DOUBLE, "per_customer": {"points": 40, "period": "ever"}}, TEA)
        for n, (quantity, amount) in enumerate(baskets):
            order = basket(f"ord_{n}", ("tea", quantity, amount), story=story)
            await ledger.hear(order, back(order, f"ret_{n}", ("tea", 1, amount // 2), story=story))
        for entry in await ledger.fetch("SELECT id, kind FROM entries"):
            async with ledger.database.acquire() as connection:
                told = await explaining.explanation(connection, entry["id"])
            assert told["matches"] is (True if entry["kind"] == "accrual" else None)
        assert is_sound(await ledger.proof())


async def test_what_is_erased_cannot_be_evaluated_again(ledger, story):
    await publish(ledger, BASE)
    await ledger.hear(story.registered(), story.placed("ord_1", 1_000))
    async with UnitOfWork(ledger.database) as uow:
        shown = await collect(uow.connection, ["cus_1"])
        assert shown["occasions"][0]["facts"]["lines"][0]["sku"] == "A"
        assert shown["customer_traits"][0]["traits"]["kind"] == "individual"
        counts = await erase(uow, ["cus_1"])
        await uow.commit()
    assert (counts["occasions"], counts["customer_traits"]) == (1, 1)
    [entry] = await ledger.fetch("SELECT id FROM entries WHERE kind = 'accrual'")
    async with ledger.database.acquire() as connection:
        told = await explaining.explanation(connection, entry["id"])
    assert (told["points"], told["recomputed"], told["matches"]) == (20, None, None)
    assert is_sound(await ledger.proof())


async def test_registering_answering_and_visiting_earn_once(ledger, story):
    gift = {"kind": "fixed", "points": 5}
    triggers = ("customer_registered", "response_recorded", "interaction_recorded")
    await publish(ledger, *({"trigger": trigger, "effect": gift} for trigger in triggers))
    events = [story.registered(), answered(), met(), answered("rsp_2", None)]
    await ledger.hear(*events)
    assert (await ledger.member("cus_1"))[0] == 15
    before = await ledger.proof()
    await ledger.hear(*events[::-1])
    assert await ledger.proof() == before
    assert is_sound(before)


async def test_conditions_see_the_answer_and_what_was_told_last_of_the_customer(ledger, story):
    thanks = {"trigger": "response_recorded", "effect": {"kind": "fixed", "points": 5}}
    await publish(ledger, {**thanks, "condition": "event.score >= 9 && customer.country == 'LV'"})
    later = CustomerUpdated(customer_id="cus_1", changed=["country"], kind="individual", country="LV", updated_at=NOW)
    # The registration comes late; what was told after it counts.
    await ledger.hear(later, story.registered(), answered(), answered("rsp_2", score=3))
    assert (await ledger.member("cus_1"))[0] == 5


@pytest.mark.parametrize("event", [answered(), met()], ids=["answer", "interaction"])
async def test_a_malformed_occasion_is_refused_for_good(ledger, event):
    await publish(
        ledger, *({"trigger": t, "effect": {"kind": "fixed", "points": 5}} for t in ("response_recorded", "interaction_recorded"))
    )
    field = "answered_at" if isinstance(event, ResponseRecorded) else "occurred_at"
    with pytest.raises(UnusableEvent):
        await ledger.hear(event.model_copy(update={field: NOW.replace(year=1200)}))


async def test_an_anniversary_is_celebrated_once_a_year(ledger, story):
    await publish(ledger, {"trigger": "anniversary", "effect": {"kind": "fixed", "points": 50}, "condition": "event.years >= 1"})
    enrolled = story.registered().registered_at
    await ledger.hear(story.registered())
    year = timedelta(days=365)
    for moment, points in (
        (enrolled + year - timedelta(hours=2), 0),
        (enrolled + year, 50),
        (enrolled + year * 1.5, 50),
        (enrolled + year * 2, 100),
    ):
        await celebrate(ledger, moment)
        await celebrate(ledger, moment)
        assert (await ledger.member("cus_1"))[0] == points
    rows = await ledger.fetch("SELECT occurred_at FROM entries ORDER BY occurred_at")
    assert [row["occurred_at"] for row in rows] == [enrolled.replace(year=2027), enrolled.replace(year=2028)]
