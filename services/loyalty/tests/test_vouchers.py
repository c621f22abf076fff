"""Vouchers: made in bulk, worth what they promise, used as often as they may be and never once more.

`VOUCHER_USES=10000` has one code used as often.
"""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from loyalty.app import SERVICE
from loyalty.settings import LoyaltySettings
from loyalty.vouchers import service as vouchers
from loyalty.vouchers.rules import ALPHABET, Article, Purchase, Terms, discount, new_codes, normalised, offending_field, refusal
from shared.contracts.customers import CustomerMerged, CustomerUnmerged
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.following.links import following_handlers
from shared.http import create_app
from shared.http.jobs import JobRunner
from shared.ids import new_uuid

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOBODY = Purchase(frozenset())
amounts = st.integers(0, 10**9)
USES = int(os.environ.get("VOUCHER_USES", "400"))
AT_ONCE = 200


def lines_of(*articles: tuple[str, int, int]) -> list[Article]:
    return [Article(*article) for article in articles]


DRINKS = Purchase(frozenset(), 1_400, lines=[Article("tea", 2, 900, "drinks"), Article("milk", 1, 200, "drinks"), Article("cup", 1, 300)])


# Rules


@pytest.mark.parametrize(
    ("terms", "purchase", "off"),
    [
        (Terms("percent", 1, percent_bp=1_500), Purchase(frozenset(), 8_333), 1_249),
        (Terms("percent", 1, percent_bp=1_500), NOBODY, None),
        (Terms("percent", 1, percent_bp=5_000, max_discount_minor=300, currency="EUR"), Purchase(frozenset(), 8_000), 300),
        (Terms("amount", 1, amount_minor=500, currency="EUR"), Purchase(frozenset(), 8_000), 500),
        (Terms("amount", 1, amount_minor=500, currency="EUR"), Purchase(frozenset(), 120), 120),
        (Terms("amount", 1, amount_minor=500, currency="EUR"), NOBODY, 500),
        (Terms("free_article", 1, sku="tea"), Purchase(frozenset(), 900, lines=lines_of(("tea", 3, 700), ("cup", 1, 200))), 233),
        (Terms("free_article", 1, sku="tea"), Purchase(frozenset(), 900), None),
        (Terms("shipping", 1), Purchase(frozenset(), 100, shipping_minor=490), 490),
        (Terms("shipping", 1), Purchase(frozenset(), 100), None),
        (
            Terms("percent", 1, percent_bp=1_000, skus=["tea"]),
            Purchase(frozenset(), 900, lines=lines_of(("tea", 3, 700), ("cup", 1, 200))),
            70,
        ),
        (Terms("percent", 1, percent_bp=1_000, categories=["drinks"], excluded_skus=["tea"]), DRINKS, 20),
        (Terms("percent", 1, percent_bp=1_000, excluded_skus=["cup"]), DRINKS, 110),
        (Terms("percent", 1, percent_bp=1_000, skus=["tea"]), Purchase(frozenset(), 900), None),
        (Terms("amount", 1, amount_minor=500, currency="EUR", categories=["drinks"]), DRINKS, 500),
        (Terms("amount", 1, amount_minor=500, currency="EUR", skus=["milk"]), DRINKS, 200),
        (Terms("amount", 1, amount_minor=500, currency="EUR", skus=["milk"]), NOBODY, None),
    ],
)
def test_what_a_voucher_takes_off(terms, purchase, off):
    assert discount(terms, purchase) == off


@given(amounts, st.integers(1, 10_000), st.none() | st.integers(1, 10**9))
def test_a_percentage_never_takes_more_than_the_order_nor_more_than_it_may(order, percent_bp, most):
    off = discount(Terms("percent", 1, percent_bp=percent_bp, max_discount_minor=most, currency="EUR"), Purchase(frozenset(), order))
    assert off is not None
    assert 0 <= off <= min(order, order if most is None else most)
    assert off * 10_000 <= order * percent_bp


@pytest.mark.parametrize(
    ("terms", "owner", "used", "purchase", "reason"),
    [
        (Terms("shipping", 1), None, 0, NOBODY, None),
        (Terms("shipping", 1, active=False), None, 0, NOBODY, "voucher_inactive"),
        (Terms("shipping", 1, valid_from=NOW), None, 0, NOBODY, None),
        (Terms("shipping", 1, valid_from=NOW + timedelta(seconds=1)), None, 0, NOBODY, "voucher_not_yet_valid"),
        (Terms("shipping", 1, valid_to=NOW), None, 0, NOBODY, "voucher_expired"),
        (Terms("shipping", 1), "cus_1", 0, Purchase(frozenset({"cus_2"})), "voucher_of_another_customer"),
        (Terms("shipping", 1), "cus_1", 0, Purchase(frozenset({"cus_1", "cus_2"})), None),
        (Terms("shipping", 2), None, 2, NOBODY, "voucher_used_up"),
        (Terms("shipping", 1, currency="EUR"), None, 0, Purchase(frozenset(), currency="USD"), "voucher_currency_differs"),
        (Terms("shipping", 1, currency="EUR", min_order_minor=100), None, 0, Purchase(frozenset(), 99), "voucher_minimum_not_reached"),
        (Terms("free_article", 1, sku="tea"), None, 0, Purchase(frozenset(), lines=lines_of(("cup", 1, 1))), "voucher_article_missing"),
        (Terms("percent", 1, percent_bp=1, categories=["drinks"]), None, 0, Purchase(frozenset(), lines=[]), "voucher_article_missing"),
        (Terms("percent", 1, percent_bp=1, categories=["drinks"]), None, 0, DRINKS, None),
        # A Sunday, at midnight in UTC and at two o'clock in Riga.
        (Terms("shipping", 1, weekdays=[1, 6]), None, 0, NOBODY, "voucher_not_at_this_time"),
        (Terms("shipping", 1, weekdays=[7]), None, 0, NOBODY, None),
        (Terms("shipping", 1, weekdays=[7], zone="America/Havana"), None, 0, NOBODY, "voucher_not_at_this_time"),
        (Terms("shipping", 1, daily_from="02:00", daily_until="03:00", zone="Europe/Riga"), None, 0, NOBODY, None),
        (Terms("shipping", 1, daily_from="01:00", daily_until="02:00", zone="Europe/Riga"), None, 0, NOBODY, "voucher_not_at_this_time"),
        (Terms("shipping", 1, daily_from="22:00", daily_until="00:01"), None, 0, NOBODY, None),
        (Terms("shipping", 1, daily_from="22:00", daily_until="00:00"), None, 0, NOBODY, "voucher_not_at_this_time"),
    ],
)
def test_when_a_voucher_is_refused(terms, owner, used, purchase, reason):
    assert refusal(terms, owner, used, purchase, NOW) == reason


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms("percent", 1), "percent_bp"),
        (Terms("amount", 1, percent_bp=1, amount_minor=1, currency="EUR"), "percent_bp"),
        (Terms("amount", 1, amount_minor=1), "currency"),
        (Terms("shipping", 1, min_order_minor=1), "currency"),
        (Terms("shipping", 1, sku="tea"), "sku"),
        (Terms("shipping", 1, valid_from=NOW, valid_to=NOW), "valid_to"),
        (Terms("shipping", 1, daily_from="10:00"), "daily_until"),
        (Terms("shipping", 1, daily_from="10:00", daily_until="10:00"), "daily_until"),
        (Terms("free_article", 1, sku="tea", categories=["drinks"]), "skus"),
        (Terms("shipping", 1, skus=["tea"], daily_from="10:00", daily_until="09:00"), None),
        (Terms("shipping", 1), None),
    ],
)
def test_terms_name_what_their_kind_needs_and_no_more(terms, field):
    assert offending_field(terms) == field


@given(st.integers(0, 300), st.text(ALPHABET, max_size=12))
def test_codes_differ_and_survive_being_typed(count, prefix):
    codes = new_codes(count, prefix)
    assert len(codes) == count
    for code in codes:
        typed = "-".join([code[:4].lower(), f" {code[4:]} "]).replace("0", "o").replace("1", "l")
        assert normalised(typed) == code


# Over HTTP


@pytest.fixture
async def member(ledger, story) -> str:
    await ledger.hear(story.registered(), story.registered("cus_2"))
    return "cus_1"


async def made(client, **terms) -> tuple[dict, list[str]]:
    answer = await client.post("/v1/voucher-batches", json={"campaign": "spring", "count": 3} | terms)
    assert answer.status_code == 201, answer.text
    batch = answer.json()
    codes = await client.get(f"/v1/voucher-batches/{batch['id']}/codes")
    return batch, [voucher["code"] for voucher in codes.json()["data"]]


async def follow(ledger, event: CustomerMerged | CustomerUnmerged, sequence: int) -> None:
    envelope = Envelope(new_uuid(), event.type, "/regulars/customers", event.aggregate_id, event.key, sequence, NOW)
    async with UnitOfWork(ledger.database) as uow:
        await following_handlers()[type(event)](uow, [Received(event, envelope)])
        await uow.commit()


def use(code: str, reference: str = "receipt-1", customer: str = "cus_1", **more) -> dict:
    return {"code": code, "customer_id": customer, "reference": reference} | more


async def test_a_voucher_is_looked_at_used_and_used_up(client, member, database):
    batch, (code, *_) = await made(client, percent_bp=1_500, prefix="SPR1NG")
    assert (batch["generated"], batch["limit_per_code"], code[:6]) == (3, 1, "SPR1NG")
    question = {"code": code.lower(), "order_minor": 8_000, "currency": "EUR"}
    shown = (await client.post("/v1/vouchers/validate", json=question)).json()
    assert shown == {"valid": True, "reason": None, "kind": "percent", "sku": None, "discount_minor": 1_200, "campaign": "spring"}

    used = await client.post("/v1/vouchers/redeem", json=use(code, order_minor=8_000, currency="EUR"))
    assert (used.status_code, used.json()["discount_minor"]) == (201, 1_200)
    again = await client.post("/v1/vouchers/redeem", json=use(code, order_minor=8_000, currency="EUR"))
    assert (again.status_code, again.json()) == (200, used.json())
    refused = await client.post("/v1/vouchers/redeem", json=use(code, "receipt-2"))
    assert (refused.status_code, refused.json()["code"]) == (409, "voucher_used_up")
    assert (await client.post("/v1/vouchers/validate", json=question)).json()["reason"] == "voucher_used_up"
    other = await client.post("/v1/vouchers/redeem", json=use(code, customer="cus_2"))
    assert (other.status_code, other.json()["code"]) == (409, "voucher_reference_taken")
    listed = (await client.get("/v1/members/cus_1/voucher-redemptions")).json()["data"]
    assert listed == [used.json()]
    assert (await client.get(f"/v1/voucher-redemptions/{used.json()['id']}")).json() == used.json()
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT payload FROM event_log WHERE aggregatetype = 'voucher_redemption'")
    assert len(rows) == 1
    assert code not in rows[0]["payload"]


async def test_a_use_that_is_taken_back_can_be_made_again(client, member):
    _, (code, *_) = await made(client, limit_per_customer=1, limit_total=1)
    first = (await client.post("/v1/vouchers/redeem", json=use(code))).json()
    for _ in range(2):
        back = await client.post(f"/v1/voucher-redemptions/{first['id']}/rollback")
        assert (back.status_code, back.json()["rolled_back_at"] is None) == (200, False)
    assert (await client.get(f"/v1/vouchers/{code}")).json()["redeemed"] == 0
    second = await client.post("/v1/vouchers/redeem", json=use(code))
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]


async def test_the_limits_of_customer_and_campaign(client, member):
    _, codes = await made(client, limit_per_code=10, limit_per_customer=2, limit_total=3)
    for number, (code, customer, expected) in enumerate(
        [
            (codes[0], "cus_1", None),
            (codes[1], "cus_1", None),
            (codes[2], "cus_1", "voucher_customer_limit"),
            (codes[2], "cus_2", None),
            (codes[2], "cus_2", "voucher_campaign_limit"),
        ]
    ):
        answer = await client.post("/v1/vouchers/redeem", json=use(code, f"receipt-{number}", customer))
        assert answer.json().get("code") == (expected or code), answer.text


async def test_what_is_used_up_is_not_said_to_be_valid(client, member):
    _, codes = await made(client, limit_total=1)
    assert (await client.post("/v1/vouchers/redeem", json=use(codes[0]))).status_code == 201
    assert (await client.post("/v1/vouchers/validate", json={"code": codes[1]})).json()["reason"] == "voucher_campaign_limit"


async def test_a_voucher_is_for_some_articles_on_some_days(client, member):
    today = datetime.now(UTC).isoweekday()
    batch, codes = await made(client, percent_bp=1_000, categories=["tea"], excluded_skus=["T-2"], weekdays=[today, today % 7 + 1])
    assert (batch["categories"], batch["excluded_skus"], batch["combinable"]) == (["tea"], ["T-2"], True)
    lines = [
        {"sku": "T-1", "category": "tea", "quantity": 1, "amount_minor": 1_000},
        {"sku": "T-2", "category": "tea", "quantity": 1, "amount_minor": 500},
        {"sku": "C-1", "quantity": 1, "amount_minor": 700},
    ]
    used = await client.post("/v1/vouchers/redeem", json=use(codes[0], lines=lines))
    assert (used.status_code, used.json()["discount_minor"], used.json()["order_minor"]) == (201, 100, 2_200)
    refused = await client.post("/v1/vouchers/redeem", json=use(codes[1], "receipt-2", lines=lines[1:]))
    assert refused.json()["code"] == "voucher_article_missing"
    _, (tomorrow, *_) = await made(client, weekdays=[(today + 2) % 7 + 1])
    assert (await client.post("/v1/vouchers/redeem", json=use(tomorrow))).json()["code"] == "voucher_not_at_this_time"


async def test_merged_customers_share_the_limit_until_they_are_two_again(client, ledger, member):
    _, codes = await made(client, limit_per_customer=1)
    assert (await client.post("/v1/vouchers/redeem", json=use(codes[0]))).status_code == 201
    link = {"merge_id": "mrg_1", "survivor_id": "cus_1", "merged_id": "cus_2"}
    await follow(ledger, CustomerMerged(**link, merged_at=NOW), 1)
    refused = await client.post("/v1/vouchers/redeem", json=use(codes[1], "receipt-2", "cus_2"))
    assert refused.json()["code"] == "voucher_customer_limit"
    question = {"code": codes[1], "customer_id": "cus_2"}
    assert (await client.post("/v1/vouchers/validate", json=question)).json()["reason"] == "voucher_customer_limit"
    await follow(ledger, CustomerUnmerged(**link, unmerged_at=NOW), 2)
    assert (await client.post("/v1/vouchers/redeem", json=use(codes[1], "receipt-2", "cus_2"))).status_code == 201


async def test_a_campaign_is_stopped_and_changed_by_its_version(client, member):
    batch, (code, *_) = await made(client, valid_to="2199-01-01T00:00:00Z")
    path = f"/v1/voucher-batches/{batch['id']}"
    assert (await client.patch(path, json={"active": False})).status_code == 428
    stopped = await client.patch(path, json={"active": False}, headers={"if-match": '"1"'})
    assert (stopped.status_code, stopped.json()["active"], stopped.headers["etag"]) == (200, False, '"2"')
    assert (await client.patch(path, json={"active": True}, headers={"if-match": '"1"'})).status_code == 412
    refused = await client.post("/v1/vouchers/redeem", json=use(code))
    assert refused.json()["code"] == "voucher_inactive"
    ended = await client.patch(path, json={"active": True, "valid_to": "2001-01-01T00:00:00Z"}, headers={"if-match": '"2"'})
    assert ended.status_code == 200
    assert (await client.post("/v1/vouchers/redeem", json=use(code))).json()["code"] == "voucher_expired"
    assert [each["id"] for each in (await client.get("/v1/voucher-batches")).json()["data"]] == [batch["id"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "amount"}, "/amount_minor"),
        ({"kind": "amount", "amount_minor": 5}, "/currency"),
        ({"kind": "free_article"}, "/sku"),
        ({"kind": "shipping", "percent_bp": 5}, "/percent_bp"),
        ({"count": 0}, "/count"),
        ({"count": 1_000_001}, "/count"),
        ({"prefix": "no-way"}, "/prefix"),
    ],
)
async def test_bad_batches_name_the_field(client, body, pointer):
    answer = await client.post("/v1/voucher-batches", json={"campaign": "spring", "count": 1} | body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_unknown_codes_and_members_are_not_found(client, member):
    _, (code, *_) = await made(client)
    for path in (
        "/v1/vouchers/NONE",
        "/v1/voucher-redemptions/vrd_none",
        "/v1/voucher-batches/vbt_none",
        "/v1/voucher-batches/vbt_none/codes",
    ):
        assert (await client.get(path)).status_code == 404
    assert (await client.post("/v1/vouchers/redeem", json=use("NONE"))).json()["code"] == "voucher_not_found"
    assert (await client.post("/v1/vouchers/redeem", json=use(code, customer="cus_none"))).json()["code"] == "member_not_found"


async def test_erased_customers_leave_no_reference(client, member, ledger):
    _, (code, *_) = await made(client)
    await client.post("/v1/vouchers/redeem", json=use(code, "Anna's table"))
    async with ledger.database.acquire() as connection:
        assert [row["reference"] for row in (await vouchers.collect(connection, ["cus_1"]))["voucher_redemptions"]] == ["Anna's table"]
        assert await vouchers.erase(connection, ["cus_1"]) == {"vouchers": 0, "voucher_redemptions": 1}
        assert await connection.fetchval("SELECT count(*) FROM voucher_redemptions WHERE reference LIKE 'Anna%'") == 0


async def test_many_codes_are_made_in_the_background_and_go_on_after_a_crash(client, database, monkeypatch):
    monkeypatch.setattr(vouchers, "AT_ONCE", 10)
    monkeypatch.setattr(vouchers, "_STEP", 40)
    answer = await client.post("/v1/voucher-batches", json={"campaign": "big", "count": 100})
    assert (answer.status_code, answer.json()["generated"]) == (202, 0)
    async with database.acquire() as connection:
        # What an earlier runner left behind.
        await connection.execute("INSERT INTO vouchers SELECT 'LEFT' || n, $1 FROM generate_series(1, 7) AS n", answer.json()["id"])
        await connection.execute("UPDATE voucher_batches SET generated = 7 WHERE id = $1", answer.json()["id"])
    assert await JobRunner(database, SERVICE.jobs).run_one()
    job = (await client.get(answer.headers["location"])).json()
    assert (job["status"], job["done"], job["result"]["generated"]) == ("succeeded", 100, 100)
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM vouchers") == 100


async def test_one_code_used_by_everybody_at_once_is_used_once(committed_ledger, committed_database, committed_key, clock, story):
    """F7: whoever comes first has it, all others are told so. Who waits too long for a connection is told to come again, and does."""
    await committed_ledger.hear(*(story.registered(f"cus_{number}") for number in range(20)))
    key = await committed_key()
    settings = LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**6)
    app = create_app(SERVICE, settings, database=committed_database, clock=clock)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://test", headers={"authorization": f"Bearer {key}"}
        ) as client,
    ):
        _, (code, *_) = await made(client)
        gate = asyncio.Semaphore(AT_ONCE)

        async def try_it(number: int) -> tuple[int, str]:
            async with gate:
                while True:
                    answer = await client.post("/v1/vouchers/redeem", json=use(code, f"receipt-{number}", f"cus_{number % 20}"))
                    if answer.status_code != 503:
                        return answer.status_code, answer.json()["code"]

        answers = Counter(await asyncio.gather(*map(try_it, range(USES))))
    assert answers == {(201, code): 1, (409, "voucher_used_up"): USES - 1}
    assert await committed_ledger.fetch("SELECT redeemed FROM vouchers WHERE code = $1", code) == [(1,)]
    assert await committed_ledger.fetch("SELECT count(*) FROM voucher_redemptions") == [(1,)]
