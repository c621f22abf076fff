"""Quotes: what comes off a basket, from where and in which order, and what the order would earn; nothing is kept of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from rewards_help import give, made_batch
from test_programmes import published

from loyalty.app import SERVICE
from loyalty.payments.rules import Worth, paid_with
from loyalty.privacy import service as privacy
from loyalty.quotes.rules import Shown, exclusive_to, percentage, price, spread
from loyalty.settings import LoyaltySettings
from loyalty.tiers.rules import Scheme, Tier
from loyalty.verification.rules import is_sound
from loyalty.vouchers.rules import Article, Purchase, Terms, covers, discount
from shared.database.unit_of_work import UnitOfWork
from shared.http import create_app

LINES = [
    {"sku": "TEA-1", "category": "tea", "quantity": 2, "amount_minor": 2_000},
    {"sku": "CUP-1", "category": "cups", "quantity": 1, "amount_minor": 999},
]

# Rules

skus = st.sampled_from(["a", "b", "c"])
lines = st.lists(
    st.builds(Article, skus, st.integers(1, 5), st.integers(0, 5_000), st.sampled_from([None, "x", "y"])), min_size=1, max_size=6
)
some = st.lists(skus, max_size=2)
terms = st.one_of(
    st.builds(
        Terms, st.just("percent"), st.just(1), percent_bp=st.integers(1, 10_000), skus=some, excluded_skus=some, combinable=st.booleans()
    ),
    st.builds(
        Terms,
        st.just("percent"),
        st.just(1),
        percent_bp=st.integers(1, 10_000),
        categories=st.sampled_from([["x"], []]),
        max_discount_minor=st.integers(1, 500),
        currency=st.just("EUR"),
    ),
    st.builds(Terms, st.just("amount"), st.just(1), amount_minor=st.integers(1, 9_000), currency=st.just("EUR"), skus=some),
    st.builds(Terms, st.just("free_article"), st.just(1), sku=skus, combinable=st.sampled_from([True, True, False])),
    st.builds(Terms, st.just("shipping"), st.just(1), max_discount_minor=st.none() | st.integers(1, 500), currency=st.just("EUR")),
)


@st.composite
def baskets(draw):
    bought = draw(lines)
    basket = Purchase(frozenset(), sum(line.amount_minor for line in bought), draw(st.integers(0, 900)), "EUR", bought)
    promised = draw(st.lists(terms, max_size=5))
    worthless = {
        number: "voucher_article_missing" for number, each in enumerate(promised) if not any(covers(each, line) for line in bought)
    }
    return basket, [Shown(f"C{number}", each, worthless.get(number)) for number, each in enumerate(promised)]


@given(baskets(), st.integers(0, 10_000))
def test_nothing_costs_less_than_nothing_and_the_parts_add_up(made, percent_bp):
    basket, shown = made
    priced = price(basket, percentage(basket, "tier", "gold", percent_bp), shown)
    left = priced.left(basket)
    assert all(0 <= rest <= line.amount_minor for rest, line in zip(left, basket.lines, strict=True))
    assert all(part >= 0 for cut in priced.cuts for part in (*cut.by_line, cut.shipping_minor))
    assert 0 <= sum(cut.shipping_minor for cut in priced.cuts) <= basket.shipping_minor
    assert sum(left) + sum(sum(cut.by_line) for cut in priced.cuts) == basket.order_minor
    assert sorted(each.code for each in priced.codes) == sorted(each.code for each in shown)
    taken = [each for each in priced.codes if each.reason is None]
    assert len(taken) <= 1 or all(each.terms.combinable for each in taken)
    # Nothing is taken off what a code is not for.
    for cut, each in zip([cut for cut in priced.cuts if cut.source == "voucher"], taken, strict=True):
        assert all(not part or covers(each.terms, line) for part, line in zip(cut.by_line, basket.lines, strict=True))


@given(baskets())
def test_one_code_alone_takes_off_what_its_use_would(made):
    basket, shown = made
    for each in shown:
        if each.reason is None:
            priced = price(basket, None, [each])
            assert priced.cuts[0].total_minor == discount(each.terms, basket)


@given(baskets(), st.randoms(use_true_random=False))
def test_codes_apply_by_their_kind_however_they_are_shown(made, random):
    basket, shown = made
    kinds = {each.terms.kind: each for each in shown if each.terms.combinable}
    one_of_each = list(kinds.values())
    shuffled = random.sample(one_of_each, len(one_of_each))
    assert price(basket, None, one_of_each) == price(basket, None, shuffled)


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=8), st.data())
def test_what_is_spread_adds_up(weights, data):
    amount = data.draw(st.integers(0, sum(weights)))
    parts = spread(amount, weights)
    assert sum(parts) == amount
    assert all(abs(part * sum(weights) - amount * weight) < max(sum(weights), 1) for part, weight in zip(parts, weights, strict=True))
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


def test_the_worked_example_of_the_guide():
    bought = [Article("TEA-1", 2, 2_000, "tea"), Article("CUP-1", 1, 999, "cups")]
    basket = Purchase(frozenset(), 2_999, 490, "EUR", bought)
    shown = [
        Shown("FIVE", Terms("amount", 1, amount_minor=500, currency="EUR")),
        Shown("TEA10", Terms("percent", 1, percent_bp=1_000, categories=["tea"])),
        Shown("POST", Terms("shipping", 1)),
    ]
    priced = price(basket, percentage(basket, "tier", "gold", 500), shown)
    assert [(cut.name, cut.by_line, cut.shipping_minor) for cut in priced.cuts] == [
        ("gold", (100, 49), 0),
        ("TEA10", (190, 0), 0),
        ("FIVE", (321, 179), 0),
        ("POST", (0, 0), 490),
    ]
    assert priced.left(basket) == [1_389, 771]


def test_a_code_that_cannot_be_combined_is_taken_alone():
    basket = Purchase(frozenset(), 1_000, 0, "EUR", [Article("a", 1, 1_000)])
    alone = Shown("ALONE", Terms("percent", 1, percent_bp=1_000, combinable=False))
    other = Shown("OTHER", Terms("percent", 1, percent_bp=2_000))
    for shown, left in (([alone, other], 900), ([other, alone], 800)):
        priced = price(basket, None, shown)
        assert [each.reason for each in priced.codes] == [None, "voucher_not_combinable"]
        assert priced.left(basket) == [left]
    refused = price(basket, None, [replace(alone, reason="voucher_expired"), other])
    assert [each.reason for each in refused.codes] == ["voucher_expired", None]


def test_an_exclusive_article_is_for_the_tiers_that_name_it():
    tiers = [
        Tier("gold", 1, benefits={"exclusive_categories": ["rare"]}),
        Tier("reserve", 2, benefits={"exclusive_skus": ["R-1"], "exclusive_categories": ["rare"]}),
    ]
    scheme = Scheme(1, datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"), tiers)
    told = [exclusive_to(scheme, line) for line in (Article("R-1", 1, 1), Article("X", 1, 1, "rare"), Article("X", 1, 1))]
    assert told == [["reserve"], ["gold", "reserve"], []]
    assert exclusive_to(None, Article("R-1", 1, 1)) == []


# Over HTTP


def basket(**more) -> dict:
    return {"customer_id": "cus_1", "currency": "EUR", "lines": LINES} | more


async def quoted(client, **more) -> dict:
    answer = await client.post("/v1/quotes", json=basket(**more))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def gold(client, **benefits) -> None:
    qualification = {"measure": "spend", "period": {"kind": "rolling", "unit": "days", "length": 3_660}}
    assert (await client.put("/v1/tiers/qualification", json=qualification, headers={"if-match": '"1"'})).status_code == 200
    tier = {"code": "gold", "name": {"en": "Gold"}, "rank": 1, "threshold": 10_000, "benefits": benefits}
    assert (await client.post("/v1/tiers", json=tier)).status_code == 201


async def test_everything_that_a_member_gets_in_one_call(client, ledger, story):
    await gold(client, percent_bp=500, multiplier="2", exclusive_skus=["CUP-1"], early_access_hours=24)
    await ledger.hear(story.placed("ord_1", 10_000), story.registered("cus_2"))
    _, (tea, *_) = await made_batch(client, categories=["tea"], percent_bp=1_000)
    _, (five, *_) = await made_batch(client, kind="amount", percent_bp=None, amount_minor=500, currency="EUR")
    _, (post, *_) = await made_batch(client, kind="shipping", percent_bp=None)
    before = await ledger.fetch("SELECT count(*) FROM voucher_redemptions")

    told = await quoted(client, codes=[five, tea.lower(), post, "NONE", tea], shipping_minor=490)
    assert (told["amount_minor"], told["discount_minor"], told["total_minor"], told["shipping_minor"]) == (2_999, 839, 2_160, 0)
    assert [(line["discount_minor"], line["total_minor"], line["may_buy"]) for line in told["lines"]] == [
        (611, 1_389, True),
        (228, 771, True),
    ]
    assert told["lines"][0]["discounts"] == [
        {"source": "tier", "name": "gold", "amount_minor": 100},
        {"source": "voucher", "name": tea, "amount_minor": 190},
        {"source": "voucher", "name": five, "amount_minor": 321},
    ]
    assert {code["code"]: (code["reason"], code["discount_minor"]) for code in told["codes"]} == {
        tea: (None, 190),
        five: (None, 500),
        post: (None, 490),
        "N0NE": ("voucher_not_found", 0),
    }
    assert (told["tier"]["code"], told["tier"]["benefits"]["early_access_hours"]) == ("gold", 24)
    # A point a unit of what is left to pay, twice in his tier.
    assert told["earns"] == [{"programme_id": told["programme_id"], "points": 42}]
    assert await ledger.fetch("SELECT count(*) FROM voucher_redemptions") == before

    other = await quoted(client, customer_id="cus_2")
    assert (other["tier"], other["discount_minor"], [line["may_buy"] for line in other["lines"]]) == (None, 0, [True, False])
    assert (other["lines"][1]["exclusive_to"], other["earns"][0]["points"]) == (["gold"], 29)


async def test_of_tier_and_purchases_the_higher_percentage_counts(client, ledger, story):
    await gold(client, percent_bp=300)
    scale = {"window_days": 36_600, "steps": [{"from_minor": 10_000, "percent_bp": 200}, {"from_minor": 20_000, "percent_bp": 400}]}
    path = f"/v1/programmes/{(await quoted_programme(client, ledger, story))}"
    match = {"if-match": (await client.get(path)).headers["etag"]}
    assert (await client.patch(path, json={"discount": scale}, headers=match)).status_code == 200
    assert {each["source"] for line in (await quoted(client))["lines"] for each in line["discounts"]} == {"tier"}
    await ledger.hear(story.placed("ord_2", 10_000))
    told = await quoted(client)
    assert told["lines"][0]["discounts"] == [{"source": "accumulating", "name": None, "amount_minor": 80}]


async def quoted_programme(client, ledger, story) -> str:
    await ledger.hear(story.placed("ord_1", 10_000))
    return (await quoted(client))["programme_id"]


@pytest.mark.parametrize(
    ("terms", "more", "reason"),
    [
        ({"min_order_minor": 3_000, "currency": "EUR"}, {}, "voucher_minimum_not_reached"),
        ({"categories": ["milk"]}, {}, "voucher_article_missing"),
        ({"min_order_minor": 1, "currency": "USD"}, {}, "voucher_currency_differs"),
        ({"valid_to": "2001-01-01T00:00:00Z"}, {}, "voucher_expired"),
        ({}, {}, None),
    ],
)
async def test_codes_are_refused_for_the_reason_of_their_use(client, ledger, terms, more, reason):
    await give(ledger, "cus_1", 1)
    _, (code, *_) = await made_batch(client, **terms)
    [told] = (await quoted(client, codes=[code], **more))["codes"]
    assert (told["accepted"], told["reason"]) == (reason is None, reason)
    used = {"code": code, "customer_id": "cus_1", "reference": "r1", "currency": "EUR", "lines": LINES}
    answer = await client.post("/v1/vouchers/redeem", json=used)
    assert answer.json().get("code") == (reason or code)
    if reason is None:
        assert answer.json()["discount_minor"] == told["discount_minor"]
        assert (await quoted(client, codes=[code]))["codes"][0]["reason"] == "voucher_used_up"


async def test_codes_of_one_batch_count_together_against_its_limits(client, ledger):
    await give(ledger, "cus_1", 1)
    for limits, reason in (({"limit_per_customer": 2}, "voucher_customer_limit"), ({"limit_total": 2}, "voucher_campaign_limit")):
        _, codes = await made_batch(client, **limits)
        assert [each["reason"] for each in (await quoted(client, codes=codes))["codes"]] == [None, None, reason]
        used = {"code": codes[0], "customer_id": "cus_1", "reference": "r1"}
        assert (await client.post("/v1/vouchers/redeem", json=used)).status_code == 201
        assert [each["reason"] for each in (await quoted(client, codes=codes[1:]))["codes"]] == [None, reason]


async def test_an_order_earns_in_every_programme_that_he_takes_part_in(client, ledger, story):
    club = await published(client)
    await ledger.hear(story.registered())
    _, (code, *_) = await made_batch(client, programme_id=club)
    earns = {each["programme_id"]: each["points"] for each in (await quoted(client, codes=[code]))["earns"]}
    assert sorted(earns.values()) == [27, 81]
    assert (await quoted(client, programme_id=club))["programme_id"] == club
    tier = {"code": "all", "name": {"en": "All"}, "rank": 1, "threshold": 0, "benefits": {"percent_bp": 1_000}}
    assert (await client.post("/v1/tiers", json=tier, params={"programme_id": club})).status_code == 201
    shown = await quoted(client, programme_id=club)
    assert (shown["tier"]["code"], shown["discount_minor"]) == ("all", 299)
    assert (await client.delete(f"/v1/members/cus_1/programmes/{club}")).status_code == 204
    left = await quoted(client, codes=[code])
    assert (len(left["earns"]), left["codes"][0]["reason"]) == (1, "voucher_programme_left")
    shown = await quoted(client, programme_id=club)
    assert (shown["tier"], shown["discount_minor"]) == (None, 0)
    draft = (await client.post("/v1/programmes", json={"name": "Draft", "rate": {"points": 1, "amount_minor": 100}})).json()["id"]
    refused = await client.post("/v1/quotes", json=basket(programme_id=draft))
    assert (refused.status_code, refused.json()["code"]) == (409, "programme_not_running")
    assert (await client.post("/v1/quotes", json=basket(customer_id="cus_none"))).json()["code"] == "member_not_found"


async def test_who_guesses_codes_is_told_to_wait(client, ledger):
    await give(ledger, "cus_1", 1)
    statuses = []
    for number in range(8):
        answer = await client.post("/v1/quotes", json=basket(codes=[f"GUESS{number}{other}" for other in range(20)]))
        statuses.append(answer.status_code)
    assert statuses[0] == 200
    assert statuses[-1] == 429


async def test_all_codes_of_a_basket_are_used_together_or_none(client, ledger):
    await give(ledger, "cus_1", 1)
    await give(ledger, "cus_2", 1)
    batch, (tea, other, third) = await made_batch(client, categories=["tea"], limit_per_customer=2, limit_total=2)
    _, (five, *_) = await made_batch(client, kind="amount", percent_bp=None, amount_minor=500, currency="EUR")
    told = await quoted(client, codes=[five, tea])
    paid = await client.post("/v1/checkouts", json=basket(codes=[five, tea], reference="r1"))
    assert (paid.status_code, paid.json()["quote"] | {"as_of": told["as_of"]}) == (201, told)
    assert {use["code"]: use["discount_minor"] for use in paid.json()["redemptions"]} == {tea: 200, five: 500}
    assert {use["order_minor"] for use in paid.json()["redemptions"]} == {2_999}
    again = await client.post("/v1/checkouts", json=basket(codes=[tea, five], reference="r1"))
    assert (again.status_code, again.json()["quote"]) == (200, None)
    assert {use["id"] for use in again.json()["redemptions"]} == {use["id"] for use in paid.json()["redemptions"]}

    for body, code, pointer in (
        ({"codes": [other, tea], "reference": "r2"}, "voucher_used_up", "/codes/1"),
        ({"codes": [other, "NONE"], "reference": "r2"}, "voucher_not_found", "/codes/1"),
        ({"codes": [other, third], "reference": "r2"}, "voucher_customer_limit", "/codes/1"),
        ({"codes": [other, tea], "reference": "r1"}, "checkout_differs", "/reference"),
        ({"codes": [tea], "reference": "r1", "customer_id": "cus_2"}, "voucher_reference_taken", "/reference"),
    ):
        refused = await client.post("/v1/checkouts", json=basket(**body))
        assert (refused.json()["code"], refused.json()["errors"][0]["pointer"]) == (code, pointer)
    assert await _redeemed(ledger) == {tea: 1, five: 1}

    for _ in range(2):
        back = await client.post("/v1/checkouts/rollback", json={"customer_id": "cus_1", "reference": "r1"})
        assert (back.status_code, len(back.json()["redemptions"])) == (200, 2)
        assert all(use["rolled_back_at"] for use in back.json()["redemptions"])
        assert await _redeemed(ledger) == {}
    used = await client.post("/v1/checkouts", json=basket(codes=[other, tea, five], reference="r1"))
    assert used.status_code == 201, used.text
    assert (await client.post("/v1/checkouts/rollback", json={"customer_id": "cus_2", "reference": "r1"})).status_code == 404
    assert [tuple(row) for row in await ledger.fetch("SELECT redeemed FROM voucher_batches WHERE id = $1", batch)] == [(2,)]


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.integers(1, 10**4), st.integers(0, 10**6))
def test_points_pay_what_they_are_worth_and_none_is_wasted(points, amount, per, payable):
    worth = Worth(amount, per)
    paid = paid_with(points, worth, payable)
    assert 0 <= paid.points <= points
    assert paid.amount_minor == min(points * amount // per, payable)
    if paid.points:
        assert (paid.points - 1) * amount // per < paid.amount_minor <= paid.points * amount // per


async def worth_something(client, amount_minor: int, points: int) -> None:
    programme_id = (await quoted(client))["programme_id"]
    value = {"amount_minor": amount_minor, "points": points, "currency": "EUR", "effective_from": "2026-01-01T00:00:00Z"}
    assert (await client.put(f"/v1/programmes/{programme_id}/point-value", json=value)).status_code == 200


async def test_points_and_money_pay_in_one_call(client, ledger):
    await give(ledger, "cus_1", 1_000)
    _, (code, *_) = await made_batch(client, percent_bp=1_000)
    half = basket(codes=[code], points=600, shipping_minor=301)
    assert (await client.post("/v1/quotes", json=half)).json()["code"] == "points_not_payable"
    await worth_something(client, 1, 2)
    assert (await client.post("/v1/quotes", json=half | {"currency": "USD"})).json()["code"] == "points_not_payable"

    told = await quoted(client, codes=[code], points=601, shipping_minor=301)
    # 601 points pay no more than 600.
    assert (told["total_minor"], told["paid_with_points"]) == (2_700, {"points": 600, "amount_minor": 300, "spendable": 1_000})
    assert told["payable_minor"] == 2_700 + 301 - 300
    everything = await quoted(client, points=10**6)
    assert (everything["paid_with_points"]["points"], everything["payable_minor"]) == (1_000, 2_499)
    refused = await client.post("/v1/checkouts", json=basket(codes=[code], points=10**6, reference="r1"))
    assert (refused.json()["code"], refused.json()["spendable"]) == ("insufficient_points", 1_000)
    assert await _redeemed(ledger) == {}

    paid = await client.post("/v1/checkouts", json=half | {"reference": "r1"})
    assert (paid.status_code, paid.json()["payment"]["points"], paid.json()["payment"]["amount_minor"]) == (201, 600, 300)
    assert (await ledger.member("cus_1"))[0] == 400
    again = await client.post("/v1/checkouts", json=half | {"reference": "r1"})
    assert (again.status_code, again.json()["payment"]) == (200, paid.json()["payment"])
    other = await client.post("/v1/checkouts", json=half | {"reference": "r1", "points": 0})
    assert other.json()["code"] == "checkout_differs"
    assert (await client.post("/v1/checkouts", json=basket(reference="r1"))).status_code == 422

    for _ in range(2):
        back = await client.post("/v1/checkouts/rollback", json={"customer_id": "cus_1", "reference": "r1"})
        assert (back.status_code, back.json()["payment"]["rolled_back_at"] is None) == (200, False)
        assert ((await ledger.member("cus_1"))[0], await _redeemed(ledger)) == (1_000, {})
    alone = await client.post("/v1/checkouts", json=basket(points=100, reference="r1"))
    assert (alone.status_code, alone.json()["redemptions"], (await ledger.member("cus_1"))[0]) == (201, [], 900)
    assert is_sound(await ledger.proof())


async def test_where_nothing_is_left_to_pay_no_points_are_taken(client, ledger):
    await give(ledger, "cus_1", 100)
    await worth_something(client, 1, 1)
    _, (code, *_) = await made_batch(client, percent_bp=10_000)
    for status in (201, 200):
        free = await client.post("/v1/checkouts", json=basket(codes=[code], points=50, reference="r1"))
        assert (free.status_code, free.json()["payment"], len(free.json()["redemptions"])) == (status, None, 1)
    assert (await ledger.member("cus_1"))[0] == 100


async def test_what_was_paid_is_shown_and_forgets_its_reference(client, ledger):
    await give(ledger, "cus_1", 100)
    await worth_something(client, 1, 1)
    assert (await client.post("/v1/checkouts", json=basket(points=40, reference="Anna's table"))).status_code == 201
    async with UnitOfWork(ledger.database) as uow:
        [shown] = (await privacy.collect(uow.connection, ["cus_1"]))["point_payments"]
        assert (shown["reference"], shown["points"]) == ("Anna's table", 40)
        assert (await privacy.erase(uow, ["cus_1"]))["point_payments"] == 1
        await uow.commit()
    assert (await client.post("/v1/checkouts", json=basket(points=40, reference="r2"))).json()["code"] == "member_not_found"
    assert [row[0] for row in await ledger.fetch("SELECT reference = id FROM point_payments")] == [True]


async def test_one_use_is_of_many_checkouts_at_once(committed_ledger, committed_database, committed_key, clock):
    """Two codes each, in either order, with limits of customer and campaign: none waits for another in a ring, and no limit is overrun."""
    for number in range(4):
        await give(committed_ledger, f"cus_{number}", 1)
    key = await committed_key()
    settings = LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**6)
    app = create_app(SERVICE, settings, database=committed_database, clock=clock)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test", headers={"authorization": f"Bearer {key}"}) as client,
    ):
        _, firsts = await made_batch(client, 20, limit_per_customer=4, limit_total=10)
        _, seconds = await made_batch(client, 20, limit_per_customer=4, limit_total=10)

        async def pay(number: int) -> int:
            pair, customer = [firsts[number], seconds[number]], f"cus_{number % 4}"
            codes = pair if number % 2 else pair[::-1]
            answer = await client.post("/v1/checkouts", json=basket(codes=codes, customer_id=customer, reference=f"r{number}"))
            if answer.status_code == 201 and number % 5 == 0:
                await client.post("/v1/checkouts/rollback", json={"customer_id": customer, "reference": f"r{number}"})
            return answer.status_code

        statuses = [status for start in (0, 10) for status in await asyncio.gather(*map(pay, range(start, start + 10)))]
    assert set(statuses) == {201, 409}
    live = "SELECT {0}, count(*)::int FROM voucher_redemptions WHERE rolled_back_at IS NULL GROUP BY {0}"
    by_batch = dict(await committed_ledger.fetch(live.format("batch_id")))
    assert dict(await committed_ledger.fetch("SELECT id, redeemed FROM voucher_batches")) == by_batch
    assert sum(by_batch.values()) == 2 * max(by_batch.values()) <= 20
    by_person = await committed_ledger.fetch("SELECT customer_id, sum(redeemed)::int FROM voucher_customers GROUP BY customer_id")
    assert {customer: used for customer, used in by_person if used} == dict(await committed_ledger.fetch(live.format("customer_id")))
    assert max(used for _, used in by_person) <= 8


async def _redeemed(ledger) -> dict[str, int]:
    return dict(await ledger.fetch("SELECT code, redeemed FROM vouchers WHERE redeemed > 0"))
