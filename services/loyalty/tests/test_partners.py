"""Partners post within what is agreed, once a reference; nobody sees another's; settlements equal the ledger and stay."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from loyalty.app import SERVICE
from loyalty.partners.rules import DIRECTIONS, Line, allowances, earned, money_of, net_minor, net_points, paid_with, seconds_left, totals
from loyalty.settings import LoyaltySettings
from loyalty.verification.rules import is_sound
from shared.contracts.customers import ApiKeyIssued, CustomerErased
from shared.http import create_app
from shared.http.api_keys import generate_key

NOW = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
RIGA = ZoneInfo("Europe/Riga")
points = st.integers(1, 10**9)


# Rules


@given(points, st.integers(0, 10**6), st.integers(1, 10**6))
def test_what_pays_an_amount_is_worth_it_and_a_point_less_is_not(amount, price_minor, price_points):
    wanted = paid_with(amount, price_minor, price_points)
    if price_minor == 0:
        assert wanted is None
        return
    assert wanted is not None
    assert wanted * price_minor >= amount * price_points > (wanted - 1) * price_minor


@given(points, points, st.integers(1, 1_000), st.integers(1, 1_000))
def test_amounts_earn_no_more_apart_than_together(first, second, of_points, of_minor):
    apart = earned(first, of_points, of_minor) + earned(second, of_points, of_minor)
    assert apart <= earned(first + second, of_points, of_minor) <= apart + 1


@given(st.lists(st.builds(Line, st.sampled_from(DIRECTIONS), st.integers(0, 100), st.integers(1, 100), points, st.integers(1, 9))))
def test_a_settlement_does_not_depend_on_the_order_of_its_lines(lines):
    of = totals(lines)
    assert of == totals(reversed(lines))
    assert net_points(of) == sum(line.points if line.direction in ("accrual", "redemption_reversal") else -line.points for line in lines)
    assert abs(net_minor(of)) <= sum(money_of(line.points, line.price_minor, line.price_points) for line in lines)


@pytest.mark.parametrize(
    ("count", "price", "money"), [(1, (1, 2), 1), (1, (1, 3), 0), (3, (1, 2), 2), (250, (80, 100), 200), (7, (0, 1), 0)]
)
def test_money_is_rounded_half_up(count, price, money):
    assert money_of(count, *price) == money


def test_limits_count_by_the_days_of_the_programme():
    limits = {"points_per_day": 10, "points_per_month": None, "member_points_per_day": 5}
    assert [tuple(a) for a in allowances(limits, "cus_1", NOW, RIGA)] == [
        ("points_per_day", "", "2026-03-29", 10),
        ("member_points_per_day", "cus_1", "2026-03-29", 5),
    ]
    # The day on which the clocks are put forward has 23 hours.
    assert seconds_left("points_per_day", NOW, RIGA) == 22.5 * 3_600
    assert seconds_left("points_per_month", NOW, RIGA) == (22.5 + 48) * 3_600


# Over HTTP


async def key_of(ledger, *scopes: str) -> tuple[str, str]:
    made = generate_key()
    issued = ApiKeyIssued(key_id=made.key_id, secret_sha256=made.sha256.hex(), name="partner", scopes=sorted(scopes), issued_at=NOW)
    await ledger.hear(issued)
    return made.key_id, made.key


def terms(**more: Any) -> dict[str, Any]:
    return {
        "name": "Baltic Airways",
        "may_redeem": True,
        "currency": "EUR",
        "accrual_price": {"amount_minor": 1, "points": 1},
        "redemption_price": {"amount_minor": 80, "points": 100},
    } | more


async def partner(client, ledger, **more: Any) -> tuple[str, dict[str, str]]:
    """Make a partner with a key; return his id and the headers that he sends."""
    made = await client.post("/v1/partners", json=terms(**more))
    assert made.status_code == 201, made.text
    key_id, key = await key_of(ledger, "partners:post")
    bound = await client.put(f"/v1/partners/{made.json()['id']}/keys/{key_id}")
    assert bound.status_code == 200, bound.text
    return made.json()["id"], {"authorization": f"Bearer {key}"}


def posting(reference: str = "r-1", count: int = 250, customer: str = "cus_1", **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "points": count, "reference": reference} | more


async def test_a_partner_gives_takes_and_takes_back_and_the_settlement_equals_the_ledger(client, ledger, story):
    await ledger.hear(story.registered())
    before = datetime.now(UTC) - timedelta(minutes=1)
    partner_id, own = await partner(client, ledger, earn_rate={"points": 1, "amount_minor": 100})
    given_ = await client.post("/v1/partner-accruals", json=posting(count=300), headers=own)
    assert (given_.status_code, given_.json()["state"]) == (201, "posted")
    again = await client.post("/v1/partner-accruals", json=posting(count=300), headers=own)
    assert (again.status_code, again.json()) == (200, given_.json())
    other = await client.post("/v1/partner-accruals", json=posting(count=301), headers=own)
    assert (other.status_code, other.json()["code"]) == (409, "partner_reference_taken")
    by_amount = await client.post(
        "/v1/partner-accruals", json={"customer_id": "cus_1", "amount_minor": 2_099, "reference": "r-2"}, headers=own
    )
    assert by_amount.json()["points"] == 20
    taken = await client.post("/v1/partner-redemptions", json={"customer_id": "cus_1", "amount_minor": 81, "reference": "r-3"}, headers=own)
    assert (taken.status_code, taken.json()["points"]) == (201, 102)
    too_much = await client.post("/v1/partner-redemptions", json=posting("r-4", 219), headers=own)
    assert (too_much.status_code, too_much.json()["code"], "spendable" in too_much.json()) == (409, "insufficient_points", False)

    path = f"/v1/partner-transactions/{taken.json()['id']}/reverse"
    back = await client.post(path, json={"reference": "b-1", "points": 2}, headers=own)
    assert (back.status_code, back.json()["direction"]) == (201, "redemption_reversal")
    assert (await client.post(path, json={"reference": "b-1"}, headers=own)).json() == back.json()
    assert (await client.post(path, json={"reference": "b-2", "points": 101}, headers=own)).json()["left"] == 100
    unmade = await client.post(
        f"/v1/partner-transactions/{given_.json()['id']}/reverse", json={"reference": "b-3", "points": 50}, headers=own
    )
    assert unmade.status_code == 201
    assert (await ledger.member("cus_1")) == (300 + 20 - 102 + 2 - 50, 270)
    assert is_sound(await ledger.proof())

    period = {"from": before.isoformat(), "until": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()}
    report = (await client.get(f"/v1/partners/{partner_id}/settlement", params=period)).json()
    assert report["accrued"] == {"count": 2, "points": 320, "amount_minor": 320}
    assert report["accruals_reversed"] == {"count": 1, "points": 50, "amount_minor": 50}
    assert report["redeemed"] == {"count": 1, "points": 102, "amount_minor": 82}
    assert report["redemptions_reversed"] == {"count": 1, "points": 2, "amount_minor": 2}
    assert (report["net_points"], report["ledger_points"], report["matches"], report["net_minor"]) == (170, 170, True, 190)
    table = await client.get(f"/v1/partners/{partner_id}/settlement", params=period | {"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[1].endswith("accrued,2,320,320,EUR")
    accounts = await ledger.fetch("SELECT -sum(points)::int FROM postings JOIN accounts ON accounts.id = account_id WHERE kind = 'partner'")
    assert accounts[0][0] == 170
    shown = (await client.get(f"/v1/partners/{partner_id}/transactions")).json()["data"]
    assert [row["reference"] for row in shown] == ["b-3", "b-1", "r-3", "r-2", "r-1"]


async def test_a_closed_period_stays_what_it_was(client, ledger, story):
    await ledger.hear(story.registered())
    partner_id, own = await partner(client, ledger)
    await client.post("/v1/partner-accruals", json=posting(), headers=own)
    open_yet = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    refused = await client.post(f"/v1/partners/{partner_id}/settlements", json={"until": open_yet})
    assert (refused.status_code, refused.json()["code"]) == (409, "settlement_period_open")
    closed = await client.post(f"/v1/partners/{partner_id}/settlements", json={"until": datetime.now(UTC).isoformat()})
    assert (closed.status_code, closed.json()["accrued"]["points"], closed.json()["matches"]) == (201, 250, True)
    await client.post("/v1/partner-accruals", json=posting("r-2", 70), headers=own)
    changed = await client.get(f"/v1/partners/{partner_id}")
    agreed = await client.put(
        f"/v1/partners/{partner_id}",
        json=terms(accrual_price={"amount_minor": 9, "points": 1}),
        headers={"if-match": changed.headers["etag"]},
    )
    assert agreed.status_code == 200
    period = {"from": closed.json()["from_at"], "until": closed.json()["until_at"]}
    assert (await client.get(f"/v1/partners/{partner_id}/settlement", params=period)).json() == closed.json()
    second = await client.post(f"/v1/partners/{partner_id}/settlements", json={"until": datetime.now(UTC).isoformat()})
    assert (second.json()["accrued"], second.json()["from_at"]) == (
        {"count": 1, "points": 70, "amount_minor": 70},
        closed.json()["until_at"],
    )
    listed = (await client.get(f"/v1/partners/{partner_id}/settlements")).json()["data"]
    assert [each["id"] for each in listed] == [second.json()["id"], closed.json()["id"]]


async def test_nobody_posts_or_reads_for_another(client, ledger, story):
    await ledger.hear(story.registered())
    first, own = await partner(client, ledger)
    second, others = await partner(client, ledger, may_redeem=False)
    made = (await client.post("/v1/partner-accruals", json=posting(), headers=own)).json()
    # One reference names a posting of each.
    assert (await client.post("/v1/partner-accruals", json=posting(count=3), headers=others)).status_code == 201
    path = f"/v1/partner-transactions/{made['id']}"
    assert (await client.get(path, headers=own)).json() == made
    assert (await client.get(path, headers=others)).status_code == 404
    assert (await client.post(f"{path}/reverse", json={"reference": "b"}, headers=others)).status_code == 404
    assert [row["points"] for row in (await client.get("/v1/partner-transactions", headers=others)).json()["data"]] == [3]
    refused = await client.post("/v1/partner-redemptions", json=posting("r-9", 1), headers=others)
    assert (refused.status_code, refused.json()["code"]) == (403, "partner_not_allowed")
    for path in ("/v1/members/cus_1", "/v1/partners", f"/v1/partners/{first}"):
        assert (await client.get(path, headers=own)).status_code == 403
    [key] = (await client.get(f"/v1/partners/{first}/keys")).json()["data"]
    taken = await client.put(f"/v1/partners/{second}/keys/{key['key_id']}")
    assert (taken.status_code, taken.json()["code"]) == (409, "partner_key_bound")
    assert (await client.delete(f"/v1/partners/{second}/keys/{key['key_id']}")).status_code == 404
    assert (await client.delete(f"/v1/partners/{first}/keys/{key['key_id']}")).status_code == 204
    unbound = await client.post("/v1/partner-accruals", json=posting("r-5"), headers=own)
    assert (unbound.status_code, unbound.json()["code"]) == (403, "partner_key_unbound")


@pytest.mark.parametrize("scopes", [("partners:post", "loyalty:write"), ("loyalty:read",)])
async def test_a_key_that_may_do_anything_else_is_no_partners_key(client, ledger, scopes):
    made = (await client.post("/v1/partners", json=terms())).json()
    key_id, _ = await key_of(ledger, *scopes)
    for unusable in (key_id, "nobody"):
        answer = await client.put(f"/v1/partners/{made['id']}/keys/{unusable}")
        assert (answer.status_code, answer.json()["code"]) == (409, "partner_key_unusable")


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        (posting(customer="cus_9"), 404, "member_not_found"),
        (posting(member_number="7"), 422, "partner_member_unclear"),
        ({"member_number": "99", "points": 1, "reference": "x"}, 404, "card_not_found"),
        (posting(amount_minor=1), 422, "partner_member_unclear"),
        ({"customer_id": "cus_1", "amount_minor": 99, "reference": "x"}, 422, "partner_amount_unusable"),
        (posting(occurred_at="2100-01-01T00:00:00Z"), 422, "partner_moment_unusable"),
        (posting(occurred_at="2001-01-01T00:00:00Z"), 422, "partner_moment_unusable"),
    ],
)
async def test_what_is_no_posting_is_refused(client, ledger, story, wanted, status, code):
    await ledger.hear(story.registered())
    _, own = await partner(client, ledger)
    answer = await client.post("/v1/partner-accruals", json=wanted, headers=own)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_limits_are_kept_freed_by_reversals_and_tell_when_there_is_room(client, ledger, story):
    await ledger.hear(story.registered(), story.registered("cus_2"))
    _, own = await partner(client, ledger, accrual_limits={"points_per_day": 500, "member_points_per_day": 300})
    first = (await client.post("/v1/partner-accruals", json=posting(), headers=own)).json()
    refused = await client.post("/v1/partner-accruals", json=posting("r-2", 51), headers=own)
    assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (429, "partner_limit_reached", "member_points_per_day")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    never = await client.post("/v1/partner-accruals", json=posting("r-3", 301), headers=own)
    assert (never.status_code, "retry-after" in never.headers) == (429, False)
    assert (await client.post("/v1/partner-accruals", json=posting("r-4", 251, "cus_2"), headers=own)).json()["limit"] == "points_per_day"
    assert (await client.post("/v1/partner-accruals", json=posting("r-5", 250, "cus_2"), headers=own)).status_code == 201
    await client.post(f"/v1/partner-transactions/{first['id']}/reverse", json={"reference": "b"}, headers=own)
    assert (await client.post("/v1/partner-accruals", json=posting("r-2", 51), headers=own)).status_code == 201


async def test_a_large_accrual_waits_for_a_review_and_is_posted_once(client, ledger, story):
    await ledger.hear(story.registered())
    limit = {
        "name": "Large",
        "action": "partner_accrual",
        "subject": "partner",
        "measure": "points",
        "maximum": 1_000,
        "on_exceed": "review",
    }
    assert (await client.post("/v1/velocity-limits", json=limit)).status_code == 201
    partner_id, own = await partner(client, ledger, accrual_limits={"points_per_day": 5_000})
    waiting = await client.post("/v1/partner-accruals", json=posting(count=2_000), headers=own)
    assert (waiting.status_code, waiting.json()["state"]) == (201, "waiting")
    assert (await client.post("/v1/partner-accruals", json=posting("r-2", 3_000), headers=own)).json()["state"] == "waiting"
    assert (await ledger.member("cus_1")) == (0, 0)
    unposted = await client.post(f"/v1/partner-transactions/{waiting.json()['id']}/reverse", json={"reference": "b"}, headers=own)
    assert unposted.json()["code"] == "partner_transaction_not_posted"
    queue = (await client.get("/v1/reviews", params={"kind": "partner_accrual"})).json()["data"]
    assert [(each["partner_id"], each["points"], each["reasons"]) for each in queue] == [
        (partner_id, 2_000, ["large_accrual"]),
        (partner_id, 3_000, ["large_accrual"]),
    ]
    for review, verb in zip(queue, ("approve", "reject"), strict=True):
        assert (await client.post(f"/v1/reviews/{review['id']}/{verb}", json={"reason": "asked them"})).status_code == 200
    assert (await ledger.member("cus_1")) == (2_000, 2_000)
    states = {row["reference"]: row["state"] for row in (await client.get("/v1/partner-transactions", headers=own)).json()["data"]}
    assert states == {"r-1": "posted", "r-2": "refused"}
    # What was refused is free again.
    assert (await client.post("/v1/partner-accruals", json=posting("r-3", 1_000), headers=own)).status_code == 201


async def test_who_is_frozen_does_not_spend_with_a_partner(client, ledger, story):
    await ledger.hear(story.registered(), story.placed("ord_1", 10_000))
    _, own = await partner(client, ledger)
    await client.post("/v1/members/cus_1/freeze", json={"reason": "stolen"})
    refused = await client.post("/v1/partner-redemptions", json=posting(count=5), headers=own)
    assert (refused.status_code, refused.json()["code"]) == (409, "member_frozen")
    assert (await client.post("/v1/partner-accruals", json=posting("r-2"), headers=own)).json()["state"] == "posted"
    await client.post("/v1/members/cus_1/unfreeze", json={"reason": "found"})
    await client.post("/v1/members/cus_1/freeze", json={"reason": "stolen again", "earning": "waits"})
    assert (await client.post("/v1/partner-accruals", json=posting("r-3"), headers=own)).json()["state"] == "waiting"
    [review] = (await client.get("/v1/reviews", params={"state": "open"})).json()["data"]
    assert review["reasons"] == ["member_frozen"]


async def test_an_erased_member_leaves_no_reference(client, ledger, story):
    await ledger.hear(story.registered())
    _, own = await partner(client, ledger)
    await client.post("/v1/partner-accruals", json=posting("Anna's flight"), headers=own)
    await ledger.hear(CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=NOW))
    [row] = await ledger.fetch("SELECT id, reference FROM partner_transactions")
    assert row["id"] == row["reference"]
    assert (await client.post("/v1/partner-accruals", json=posting("late"), headers=own)).status_code == 404


@asynccontextmanager
async def many_callers(database, clock):
    settings = LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**6)
    app = create_app(SERVICE, settings, database=database, clock=clock)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client,
    ):
        yield client


async def test_limits_and_references_hold_when_all_post_at_once(committed_ledger, committed_database, committed_key, clock, story):
    await committed_ledger.hear(*(story.registered(f"cus_{n}") for n in range(4)))
    async with many_callers(committed_database, clock) as client:
        client.headers["authorization"] = f"Bearer {await committed_key()}"
        limits = {"points_per_day": 600, "member_points_per_day": 200}
        partner_id, own = await partner(client, committed_ledger, accrual_limits=limits)
        gate = asyncio.Semaphore(6)

        async def post(number: int) -> int:
            async with gate:
                wanted = posting(f"r-{number % 100}", 10, f"cus_{number % 4}")
                return (await client.post("/v1/partner-accruals", json=wanted, headers=own)).status_code

        statuses = await asyncio.gather(*(post(number) for number in range(150)))
        assert set(statuses) <= {200, 201, 429}
        assert statuses.count(201) == 60
        period = {"from": "2026-01-01T00:00:00Z", "until": "2199-01-01T00:00:00Z"}
        report = (await client.get(f"/v1/partners/{partner_id}/settlement", params=period)).json()
    assert (report["accrued"]["points"], report["matches"]) == (600, True)
    held = await committed_ledger.fetch("SELECT customer_id, sum(points)::int AS points FROM entries GROUP BY 1")
    assert all(row["points"] <= 200 for row in held)
    used = await committed_ledger.fetch("SELECT points::int FROM partner_usage WHERE customer_id = ''")
    assert [row["points"] for row in used] == [600]
    assert is_sound(await committed_ledger.proof())
