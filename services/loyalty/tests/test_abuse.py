"""Who is frozen spends nothing; limits are kept and refuse clearly; what waits for a review happens once or never."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.abuse import freezing, limiting, repository
from loyalty.abuse.deciding import decide
from loyalty.abuse.errors import MemberFrozen, ReviewDecided, VelocityExceeded
from loyalty.abuse.guard import guard
from loyalty.abuse.rules import offending_field, score_of
from loyalty.abuse.schemas import VelocityLimitDraft
from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerErased, InteractionRecorded, OrderCancelled
from shared.database.unit_of_work import UnitOfWork

FIRST_DAY = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)


async def limited(ledger, **terms) -> str:
    async with UnitOfWork(ledger.database) as uow:
        row = await limiting.add(
            uow, VelocityLimitDraft(**({"name": "test", "action": "transfer", "maximum": 2, "window_seconds": 60} | terms))
        )
        await uow.commit()
    return row["id"]


async def frozen(ledger, customer: str = "cus_1", earning: str = "continues") -> None:
    async with UnitOfWork(ledger.database) as uow:
        await freezing.freeze(uow, customer, earning=earning, reason="stolen", caller="staff:1")
        await uow.commit()


async def reviews(ledger) -> list[tuple]:
    return [tuple(row) for row in await ledger.fetch("SELECT kind, subject_id, reasons, state FROM reviews ORDER BY opened_at, id")]


async def decided(ledger, *, approve: bool) -> None:
    for row in await ledger.fetch("SELECT id FROM reviews WHERE state = 'open' ORDER BY id"):
        async with UnitOfWork(ledger.database) as uow:
            await decide(uow, row["id"], approve=approve, caller="staff:1", reason="looked at")
            await uow.commit()


# Rules


@pytest.mark.parametrize(
    ("limit", "field"),
    [
        (("transfer", "member", "count", 60, "refuse"), None),
        (("transfer", "member", "count", None, "refuse"), "window_seconds"),
        (("transfer", "member", "points", None, "refuse"), None),
        (("transfer", "partner", "count", 60, "refuse"), "subject"),
        (("partner_accrual", "partner", "count", 60, "review"), None),
        (("earning", "caller", "points", 60, "review"), "subject"),
        (("earning", "member", "points", 60, "refuse"), "on_exceed"),
    ],
)
def test_which_limits_make_sense(limit, field):
    assert offending_field(*limit) == field


@given(st.lists(st.sampled_from(["large_accrual", "velocity", "something_new"])))
def test_a_score_grows_with_its_reasons_and_stays_within_a_hundred(reasons):
    assert 0 <= score_of(reasons) <= score_of([*reasons, "member_frozen"]) <= 100
    assert score_of(reasons) == score_of(reversed(reasons))


# Limits


async def test_a_limit_lets_pass_what_it_allows_and_tells_when_there_is_room_again(client, ledger, story):
    await ledger.hear(story.registered(), story.registered("cus_2"), story.placed("ord_1", 100_000))
    limit = {"name": "Two gifts a minute", "action": "transfer", "maximum": 2, "window_seconds": 60}
    made = await client.post("/v1/velocity-limits", json=limit)
    assert made.status_code == 201
    gift = {"customer_id": "cus_1", "to_customer_id": "cus_2", "points": 5}
    assert [(await client.post("/v1/transfers", json=gift)).status_code for _ in range(2)] == [201, 201]
    refused = await client.post("/v1/transfers", json=gift)
    assert (refused.status_code, refused.json()["code"], refused.json()["limit_id"]) == (429, "velocity_exceeded", made.json()["id"])
    assert 0 < int(refused.headers["retry-after"]) <= 60
    # Another member has a limit of his own.
    assert (await client.post("/v1/transfers", json={"customer_id": "cus_2", "to_customer_id": "cus_1", "points": 5})).status_code == 201
    rested = await client.patch(
        f"/v1/velocity-limits/{made.json()['id']}", json={"is_active": False}, headers={"if-match": made.headers["etag"]}
    )
    assert (rested.status_code, rested.json()["is_active"]) == (200, False)
    assert (await client.post("/v1/transfers", json=gift)).status_code == 201


async def test_a_limit_on_points_at_once_never_has_room_and_may_tell_the_queue(client, ledger, story):
    await ledger.hear(story.registered(), story.placed("ord_1", 100_000))
    limit = {"name": "No large holds", "action": "hold", "measure": "points", "maximum": 100, "on_exceed": "review"}
    assert (await client.post("/v1/velocity-limits", json=limit)).status_code == 201
    assert (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 100})).status_code == 201
    for _ in range(2):
        refused = await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 101})
        assert (refused.status_code, "retry-after" in refused.headers) == (429, False)
    [(kind, _, reasons, state)] = await reviews(ledger)
    assert (kind, reasons, state) == ("velocity", ["velocity"], "open")


async def test_what_is_rolled_back_does_not_count(ledger, story):
    await ledger.hear(story.registered())
    await limited(ledger, action="adjustment", maximum=1)
    for _ in range(3):
        async with UnitOfWork(ledger.database) as uow:
            await guard(uow, "adjustment", customer_id="cus_1")
    async with UnitOfWork(ledger.database) as uow:
        await guard(uow, "adjustment", customer_id="cus_1")
        with pytest.raises(VelocityExceeded):
            await guard(uow, "adjustment", customer_id="cus_1")


async def test_a_limit_is_not_overrun_by_many_at_once(committed_ledger, story):
    await committed_ledger.hear(*(story.registered(f"cus_{n}") for n in range(3)))
    await limited(committed_ledger, action="redemption", maximum=5, measure="count")
    await limited(committed_ledger, action="redemption", subject="caller", measure="points", maximum=70, window_seconds=3_600)

    async def act(number: int) -> str | None:
        async with UnitOfWork(committed_ledger.database) as uow:
            try:
                await guard(uow, "redemption", customer_id=f"cus_{number % 3}", caller="server:till", points=5)
            except VelocityExceeded as error:
                return error.extras["limit_id"]
            await uow.commit()
        return None

    outcomes = await asyncio.gather(*(act(number) for number in range(60)))
    rows = await committed_ledger.fetch(
        "SELECT subject_id, count(*)::int, sum(points)::int FROM activities GROUP BY subject_id ORDER BY subject_id"
    )
    done = {row[0]: (row[1], row[2]) for row in rows}
    assert outcomes.count(None) == 14
    assert done.pop("server:till") == (14, 70)
    assert all(count <= 5 for count, _ in done.values())
    assert sum(count for count, _ in done.values()) == 14


async def test_old_activities_are_forgotten(ledger):
    await ledger.fetch(
        "INSERT INTO activities (subject, subject_id, action, points, occurred_at)"
        " SELECT 'member', 'cus_1', 'hold', 1, now() - n * interval '20 days' FROM generate_series(0, 3) AS n"
    )
    async with UnitOfWork(ledger.database) as uow:
        assert await repository.forget_activities(uow.connection, 100) == 2
        await uow.commit()


# Freezes


async def test_who_is_frozen_spends_nothing_and_earns_on(client, ledger, story):
    await ledger.hear(story.registered(), story.registered("cus_2"), story.placed("ord_1", 10_000))
    hold = (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 10})).json()
    answer = await client.post("/v1/members/cus_1/freeze", json={"reason": "stolen phone"})
    assert (answer.status_code, answer.json()["unfrozen_at"]) == (200, None)
    again = await client.post("/v1/members/cus_1/freeze", json={"reason": "stolen phone"})
    assert (again.status_code, again.json()["code"]) == (409, "member_already_frozen")
    tries = [
        await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 10}),
        await client.post("/v1/transfers", json={"customer_id": "cus_1", "to_customer_id": "cus_2", "points": 5}),
        await client.post(f"/v1/holds/{hold['id']}/capture"),
    ]
    assert [(each.status_code, each.json()["code"]) for each in tries] == [(409, "member_frozen")] * 3
    await ledger.hear(story.placed("ord_2", 500))
    assert (await ledger.member("cus_1"))[1] == 105
    assert (await client.post(f"/v1/holds/{hold['id']}/void")).status_code == 200
    assert (await client.post("/v1/members/cus_1/unfreeze", json={"reason": "found"})).json()["unfrozen_by"] is not None
    assert (await client.post("/v1/holds", json={"customer_id": "cus_1", "points": 10})).status_code == 201
    assert (await client.post("/v1/members/cus_1/unfreeze", json={"reason": "found"})).json()["code"] == "member_not_frozen"
    assert (await client.post("/v1/members/cus_9/freeze", json={"reason": "who"})).status_code == 404
    [shown] = (await client.get("/v1/members/cus_1/freezes")).json()["data"]
    assert (shown["reason"], shown["unfreeze_reason"]) == ("stolen phone", "found")
    told = [name for _, name, _ in await ledger.told() if name.startswith("member_") and name != "member_enrolled"]
    assert told == ["member_frozen", "member_unfrozen"]


async def test_what_a_frozen_member_earns_can_wait_and_happens_once(ledger, story):
    order, other = story.placed("ord_2", 1_000, on=3), story.placed("ord_3", 2_000, on=4)
    await ledger.hear(story.registered(), story.placed("ord_1", 500))
    await frozen(ledger, earning="waits")
    await ledger.hear(order, story.returned(order, "ret_1", 400), other, order)
    # What was known before is no news.
    await ledger.hear(story.placed("ord_1", 500))
    assert await ledger.member("cus_1") == (5, 5)
    assert await ledger.fetch("SELECT FROM orders WHERE order_id <> 'ord_1'") == []
    await decided(ledger, approve=True)
    assert await ledger.member("cus_1") == (5 + 6 + 20, 31)
    await ledger.hear(order, story.returned(order, "ret_1", 400))
    assert await ledger.member("cus_1") == (31, 31)
    assert is_sound(await ledger.proof())
    assert [row[3] for row in await reviews(ledger)] == ["approved"]


async def test_what_is_rejected_never_earns_whatever_comes_of_it_later(ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(story.registered())
    await frozen(ledger, earning="waits")
    await ledger.hear(order)
    await decided(ledger, approve=False)
    await ledger.hear(story.returned(order, "ret_1", 400), order)
    assert await ledger.member("cus_1") == (0, 0)
    assert await ledger.fetch("SELECT FROM orders") == []
    review = (await ledger.fetch("SELECT id FROM reviews"))[0]["id"]
    async with UnitOfWork(ledger.database) as uow:
        with pytest.raises(ReviewDecided):
            await decide(uow, review, approve=True, caller="staff:2", reason="changed my mind")


# Earning


async def test_a_large_order_waits_and_the_others_of_its_batch_do_not(ledger, story):
    await ledger.hear(story.registered(), story.registered("cus_2"))
    await limited(ledger, action="earning", measure="points", maximum=100, window_seconds=None, on_exceed="review")
    await ledger.hear(story.placed("ord_1", 10_000), story.placed("ord_2", 10_100), story.placed("ord_3", 5_000, "cus_2"))
    assert (await ledger.member("cus_1"))[0] == 100
    assert (await ledger.member("cus_2"))[0] == 50
    assert await reviews(ledger) == [("earning", "ord_2", ["large_accrual"], "open")]
    cancelled = OrderCancelled(
        order_id="ord_2", customer_id="cus_1", placed_at=FIRST_DAY + timedelta(days=1), cancelled_at=FIRST_DAY + timedelta(days=2),
        reason="cancelled", currency="EUR", order_amount_minor=10_100, returned_total_minor=0,
    )  # fmt: skip
    await ledger.hear(cancelled)
    await decided(ledger, approve=True)
    assert (await ledger.member("cus_1"))[0] == 100
    assert is_sound(await ledger.proof())
    sequences = [sequence for aggregate, _, sequence in await ledger.told() if aggregate == "cus_1"]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_who_earns_too_much_in_a_window_waits_from_there_on(ledger, story):
    await ledger.hear(story.registered())
    await limited(ledger, action="earning", measure="points", maximum=100, window_seconds=86_400, on_exceed="review")
    await ledger.hear(story.placed("ord_1", 6_000, on=1), story.placed("ord_2", 6_000, on=3))
    await ledger.hear(story.placed("ord_3", 6_000, on=3))
    assert await reviews(ledger) == [("earning", "ord_3", ["earning_velocity"], "open")]
    await decided(ledger, approve=True)
    assert (await ledger.member("cus_1"))[0] == 180


async def test_interactions_of_a_frozen_member_wait_too(ledger, story):
    await ledger.hear(story.registered())
    await frozen(ledger, earning="waits")
    await ledger.hear(InteractionRecorded(interaction_id="itr_1", customer_id="cus_1", kind="visit", occurred_at=FIRST_DAY))
    assert [row["type"] for row in await ledger.fetch("SELECT type FROM withheld_events")] == [InteractionRecorded.type]
    await decided(ledger, approve=True)
    assert [row["state"] for row in await ledger.fetch("SELECT state FROM withheld_events")] == ["released"]


# Erasure


async def test_an_erased_member_leaves_no_word_and_nothing_that_waits(ledger, story):
    await ledger.hear(story.registered())
    await frozen(ledger, earning="waits")
    await ledger.hear(story.placed("ord_1", 1_000))
    erased = CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=FIRST_DAY)
    await ledger.hear(erased)
    [freeze] = await ledger.fetch("SELECT reason, unfrozen_by FROM member_freezes")
    assert tuple(freeze) == (None, "erasure")
    [event] = await ledger.fetch("SELECT payload, state FROM withheld_events")
    assert tuple(event) == ({}, "refused")
    assert [row[3] for row in await reviews(ledger)] == ["rejected"]


async def test_the_queue_is_listed_read_and_decided_over_http(client, ledger, story):
    await ledger.hear(story.registered())
    await limited(ledger, action="earning", measure="points", maximum=100, window_seconds=None, on_exceed="review")
    await ledger.hear(story.placed("ord_1", 20_000), story.placed("ord_2", 30_000))
    queue = (await client.get("/v1/reviews", params={"state": "open", "customer_id": "cus_1", "kind": "earning"})).json()["data"]
    assert [(review["subject_id"], review["points"], review["score"]) for review in queue] == [("ord_1", 200, 50), ("ord_2", 300, 50)]
    first, second = (review["id"] for review in queue)
    approved = await client.post(f"/v1/reviews/{first}/approve", json={"reason": "a wedding"})
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    assert (await client.post(f"/v1/reviews/{second}/reject", json={"reason": "a shop"})).json()["state"] == "rejected"
    again = await client.post(f"/v1/reviews/{second}/approve", json={"reason": "a shop"})
    assert (again.status_code, again.json()["code"]) == (409, "review_decided")
    assert (await ledger.member("cus_1"))[0] == 200
    assert (await client.get("/v1/reviews", params={"state": "open"})).json()["data"] == []
    read = await client.get(f"/v1/reviews/{first}")
    assert (read.json()["decision_reason"], read.headers["etag"]) == ("a wedding", '"2"')


async def test_two_people_who_decide_at_once_decide_once(committed_ledger, story):
    await committed_ledger.hear(story.registered())
    await limited(committed_ledger, action="earning", measure="points", maximum=100, window_seconds=None, on_exceed="review")
    await committed_ledger.hear(story.placed("ord_1", 20_000))
    outcomes = await asyncio.gather(*(decided(committed_ledger, approve=True) for _ in range(6)), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, ReviewDecided) for outcome in outcomes)
    assert await committed_ledger.member("cus_1") == (200, 200)
    told = [name for _, name, _ in await committed_ledger.told()]
    assert (told.count("review_opened"), told.count("review_concluded")) == (1, 1)


async def test_a_household_does_not_spend_the_points_of_who_is_frozen(ledger, story, client):
    await ledger.hear(story.registered(), story.registered("cus_2"), story.placed("ord_1", 10_000))
    made = await client.post("/v1/households", json={"customer_ids": ["cus_1", "cus_2"]})
    assert made.status_code == 201, made.text
    await frozen(ledger)
    async with UnitOfWork(ledger.database) as uow:
        with pytest.raises(MemberFrozen):
            await guard(uow, "redemption", customer_id="cus_2", points=1)
        await guard(uow, "transfer", customer_id="cus_2", points=1)


# Wrong codes


async def test_who_tries_codes_one_after_the_other_is_stopped(client, ledger, story):
    await ledger.hear(story.registered(), story.registered("cus_2"))
    batch = (await client.post("/v1/voucher-batches", json={"campaign": "spring", "count": 2})).json()
    codes = [voucher["code"] for voucher in (await client.get(f"/v1/voucher-batches/{batch['id']}/codes")).json()["data"]]
    use = {"customer_id": "cus_1", "reference": "receipt-1"}
    for number in range(20):
        route = "validate" if number % 2 else "redeem"
        body = {"code": f"GUESS{number}"} | (use if route == "redeem" else {"customer_id": "cus_1"})
        assert (await client.post(f"/v1/vouchers/{route}", json=body)).json()["code"] == "voucher_not_found"
    stopped = await client.post("/v1/vouchers/redeem", json=use | {"code": codes[0]})
    assert (stopped.status_code, stopped.json()["code"]) == (429, "velocity_exceeded")
    assert 0 < int(stopped.headers["retry-after"]) <= 3_600
    # Others go on, and what is right does not count.
    right = await client.post("/v1/vouchers/redeem", json={"customer_id": "cus_2", "reference": "receipt-2", "code": codes[0]})
    assert right.status_code == 201
    counted = await ledger.fetch("SELECT subject, subject_id, count(*)::int FROM activities GROUP BY 1, 2 ORDER BY 1")
    assert [row[0] for row in counted] == ["caller", "member"]
    assert [row[2] for row in counted] == [20, 20]


async def test_who_is_frozen_uses_no_voucher(client, ledger, story):
    await ledger.hear(story.registered())
    batch = (await client.post("/v1/voucher-batches", json={"campaign": "spring", "count": 1})).json()
    [voucher] = (await client.get(f"/v1/voucher-batches/{batch['id']}/codes")).json()["data"]
    await frozen(ledger)
    answer = await client.post("/v1/vouchers/redeem", json={"code": voucher["code"], "customer_id": "cus_1", "reference": "r"})
    assert (answer.status_code, answer.json()["code"]) == (409, "member_frozen")
