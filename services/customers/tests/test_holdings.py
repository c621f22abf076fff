"""Holdings: what is recorded of them, what is noticed about them once each, and the figures on the profile."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.app import SERVICE
from customers.holdings.errors import BalanceAtRefused, HoldingDatesRefused
from customers.holdings.repository import BALANCES_AFTER, page_statement
from customers.holdings.rules import (
    Alert,
    Balance,
    Watched,
    check_balance_at,
    check_dates,
    due_alerts,
    falls,
    first_due_at,
    next_due_at,
)
from customers.holdings.service import collect, erase
from shared.contracts.customers import HoldingAlertRaised
from shared.messaging.passes import Passes
from shared.testing.plans import plan_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEPOSIT = {
    "external_id": "ACC-1",
    "customer_external_id": "C-1",
    "product_kind": "deposit",
    "name": "Term deposit",
    "currency": "EUR",
    "rate_ppm": 41_250,
    "opened_at": "2025-01-15T00:00:00Z",
    "matures_at": "2027-01-15T00:00:00Z",
    "payment_due_at": "2026-04-01T00:00:00Z",
    "payment_due_minor": 25_000,
    "maturity_notice_days": 14,
    "falling_percent": 30,
    "falling_days": 10,
    "attributes": {"branch": "Riga"},
}


async def hold(client, **changes):
    answer = await client.post("/v1/holdings", json={k: v for k, v in (DEPOSIT | changes).items() if v is not None})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def patch(client, holding, version, **changes):
    return await client.patch(f"/v1/holdings/{holding['id']}", json=changes, headers={"if-match": f'"{version}"'})


async def balance(client, holding, minor, day):
    return await client.post(f"/v1/holdings/{holding['id']}/balances", json={"balance_minor": minor, "at": (NOW + day * DAY).isoformat()})


@pytest.fixture
def look(database, clock):
    """The workers' look at what is due, at the time of the clock."""

    async def look() -> None:
        await Passes(database, SERVICE.passes, clock=clock).run_once()

    return look


@pytest.fixture
def raised(published):
    async def raised() -> list[tuple[str, datetime | None, int]]:
        return [
            (event.alert, event.due_at, number) for event, number in await published("holding") if isinstance(event, HoldingAlertRaised)
        ]

    return raised


moments = st.integers(-1_000, 1_000).map(lambda hours: NOW + timedelta(hours=hours))
watched = st.builds(Watched, st.booleans(), st.none() | moments, st.none() | st.integers(0, 60), st.none() | moments)
runs = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), unique_by=lambda pair: pair[0], max_size=15).map(
    lambda pairs: [Balance(NOW + day * DAY, minor) for day, minor in sorted(pairs)]
)


class TestRules:
    @given(watched, moments)
    def test_what_is_due_and_what_comes_due_is_all(self, watched, now):
        due, later = due_alerts(watched, now), next_due_at(watched, now)
        assert len(due) <= 2
        if not watched.is_open:
            assert (due, later, first_due_at(watched)) == ([], None, None)
        elif later is None:
            far = now + timedelta(days=10_000)
            assert due_alerts(watched, far) == due
        else:
            assert later > now
            assert len(due_alerts(watched, later)) > len(due) == len(due_alerts(watched, later - timedelta(microseconds=1)))
        first = first_due_at(watched)
        assert (first is not None and first <= now) == bool(due)

    @given(runs, st.integers(1, 100), st.integers(1, 40), st.integers(0, 100))
    def test_falls_are_those_found_by_looking_at_every_moment(self, run, percent, days, since_day):
        since = NOW + since_day * DAY
        expected = set()
        for place, now in enumerate(run):
            # Balances that held at some moment of the window: those read in it, and the last before it.
            starts_at = now.at - days * DAY
            before = [each for each in run[:place] if each.at <= starts_at]
            held = before[-1:] + [each for each in run[: place + 1] if each.at > starts_at]
            peak = max(held, key=lambda each: (each.minor, each.at))
            if now.at >= since and peak.minor and (peak.minor - now.minor) * 100 >= percent * peak.minor:
                expected.add(Alert("balance_falling", peak.at))
        assert set(falls(run, percent, days, since)) == expected

    @given(moments, st.none() | moments)
    def test_dates(self, opened_at, matures_at):
        if opened_at > NOW + DAY or (matures_at is not None and matures_at < opened_at):
            with pytest.raises(HoldingDatesRefused):
                check_dates(opened_at, matures_at, NOW)
        else:
            check_dates(opened_at, matures_at, NOW)

    @given(moments, moments)
    def test_balances_are_read_while_it_is_held(self, at, opened_at):
        if opened_at <= at <= NOW + DAY:
            check_balance_at(at, opened_at, NOW)
        else:
            with pytest.raises(BalanceAtRefused):
                check_balance_at(at, opened_at, NOW)


async def test_what_is_sent_is_returned(client):
    answer = await client.post("/v1/holdings", json=DEPOSIT)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    shown = answer.json()
    assert shown | DEPOSIT == shown
    assert (shown["status"], shown["payment_status"], shown["balance_minor"]) == ("open", "current", None)
    assert (await client.get(answer.headers["location"])).json() == shown
    again = await client.post("/v1/holdings", json=DEPOSIT)
    assert (again.status_code, again.json()) == (200, shown)


@pytest.mark.parametrize(
    "changes", [{"customer_external_id": "C-2"}, {"product_kind": "loan"}, {"rate_ppm": 1}, {"opened_at": "2025-01-16T00:00:00Z"}]
)
async def test_another_under_its_external_id_is_refused(client, changes):
    await hold(client)
    answer = await client.post("/v1/holdings", json=DEPOSIT | changes)
    assert (answer.status_code, answer.json()["code"]) == (409, "holding_differs")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"customer_external_id": None}, ""),
        ({"customer_external_id": None, "customer_id": "cus_00000000000000000000000000"}, "/customer_id"),
        ({"product_kind": "card"}, "/product_kind"),
        ({"matures_at": "2025-01-14T00:00:00Z"}, "/matures_at"),
        ({"opened_at": "2026-03-04T00:00:00Z"}, "/opened_at"),
        ({"falling_percent": 0}, "/falling_percent"),
        ({"rate_ppm": 0.5}, "/rate_ppm"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_bad_fields_are_named(client, changes, pointer):
    answer = await client.post("/v1/holdings", json={k: v for k, v in (DEPOSIT | changes).items() if v is not None})
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


async def test_a_holding_changes_and_closes(client):
    holding = await hold(client)
    answer = await patch(client, holding, 1, rate_ppm=None, name="Longer", matures_at="2028-01-15T00:00:00Z")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert (answer.json()["rate_ppm"], answer.json()["name"], answer.json()["currency"]) == (None, "Longer", "EUR")
    assert (await patch(client, holding, 1, name="x")).status_code == 412
    assert (await patch(client, holding, 2, matures_at="2020-01-01T00:00:00Z")).json()["code"] == "holding_dates_refused"
    assert (await patch(client, holding, 2, name="Longer")).headers["etag"] == '"2"'
    closed = await patch(client, holding, 2, status="closed")
    assert (closed.json()["status"], closed.json()["payment_status"]) == ("closed", "none")
    assert (await patch(client, holding, 3, name="x")).json()["code"] == "holding_closed"
    assert (await balance(client, holding, 1, 0)).json()["code"] == "holding_closed"
    assert (await client.post("/v1/holdings", json=DEPOSIT)).status_code == 200


class TestBalances:
    async def test_the_latest_is_the_holdings_own(self, client):
        holding = await hold(client)
        for minor, day in ((100, -3), (120, -1), (90, -2), (125, -1)):
            assert (await balance(client, holding, minor, day)).status_code == 201
        shown = (await client.get(f"/v1/holdings/{holding['id']}")).json()
        assert (shown["balance_minor"], shown["balance_at"]) == (125, "2026-03-01T12:00:00Z")
        page = (await client.get(f"/v1/holdings/{holding['id']}/balances", params={"limit": 2})).json()
        rest = (await client.get(f"/v1/holdings/{holding['id']}/balances", params={"limit": 2, "cursor": page["next_cursor"]})).json()
        assert [each["balance_minor"] for each in page["data"] + rest["data"]] == [125, 90, 100]

    async def test_times_and_unknown_holdings_are_refused(self, client):
        holding = await hold(client)
        for day in (2, -500):
            assert (await balance(client, holding, 1, day)).json()["code"] == "balance_at_refused"
        assert (await balance(client, {"id": "hld_unknown"}, 1, 0)).json()["code"] == "holding_not_found"
        assert (await client.get("/v1/holdings/hld_unknown/balances")).status_code == 404

    async def test_a_fall_is_told_once_a_peak(self, client, raised):
        holding = await hold(client)
        for minor, day in ((1_000, -60), (950, -50), (800, -9), (600, -8), (500, -7), (2_000, -5), (1_500, -4), (1_400, -3)):
            await balance(client, holding, minor, day)
        # From 950, which held until the ninth day before, and from 2,000.
        assert await raised() == [("balance_falling", None, 1), ("balance_falling", None, 2)]

    async def test_a_late_balance_uncovers_a_fall(self, client, raised):
        holding = await hold(client)
        await balance(client, holding, 500, -3)
        assert await raised() == []
        await balance(client, holding, 1_000, -5)
        assert await raised() == [("balance_falling", None, 1)]

    async def test_loans_are_meant_to_fall(self, client, raised):
        loan = await hold(client, product_kind="loan")
        silent = await hold(client, external_id="ACC-2", falling_percent=None)
        for each in (loan, silent):
            await balance(client, each, 1_000, -3)
            await balance(client, each, 1, -2)
        assert await raised() == []


class TestAlerts:
    async def test_a_maturity_is_noticed_in_time_and_once(self, client, clock, look, raised, database):
        holding = await hold(client, matures_at="2026-03-20T00:00:00Z", payment_due_at=None)
        await look()
        assert await raised() == []
        clock.advance(timedelta(days=3, hours=12))
        await look()
        await look()
        assert await raised() == [("maturity_nearing", datetime(2026, 3, 20, tzinfo=UTC), 1)]
        [touch] = (await client.get(f"/v1/customers/{holding['customer_id']}/timeline")).json()["data"]
        assert (touch["kind"], touch["summary"]["alert"]) == ("holding_alert", "maturity_nearing")
        async with database.acquire() as connection:
            assert await connection.fetchval("SELECT alert_due_at FROM holdings") is None

    async def test_a_payment_is_overdue_until_it_moves_on(self, client, clock, look, raised):
        holding = await hold(client)
        clock.advance(30 * DAY)
        await look()
        shown = (await client.get(f"/v1/holdings/{holding['id']}")).json()
        assert shown["payment_status"] == "overdue"
        await patch(client, holding, 1, payment_due_at="2026-05-01T00:00:00Z")
        await look()
        clock.advance(30 * DAY)
        await look()
        assert await raised() == [
            ("payment_overdue", datetime(2026, 4, 1, tzinfo=UTC), 1),
            ("payment_overdue", datetime(2026, 5, 1, tzinfo=UTC), 2),
        ]

    async def test_what_came_due_while_no_worker_looked_is_told_before_a_change(self, client, clock, look, raised):
        holding = await hold(client, matures_at="2026-03-20T00:00:00Z")
        clock.advance(60 * DAY)
        await patch(client, holding, 1, matures_at="2030-01-01T00:00:00Z", payment_due_at=None)
        told = await raised()
        assert sorted(alert for alert, _, _ in told) == ["maturity_nearing", "payment_overdue"]
        assert sorted(number for _, _, number in told) == [1, 2]
        await look()
        assert await raised() == told

    async def test_a_worker_that_was_away_catches_up_whole(self, client, clock, look, raised, monkeypatch):
        monkeypatch.setattr("customers.holdings.service._PASS_LIMIT", 3)
        for number in range(8):
            await hold(client, external_id=f"ACC-{number}", customer_external_id=f"C-{number % 2}")
        clock.advance(2_000 * DAY)
        await look()
        told = await raised()
        assert sorted(alert for alert, _, _ in told) == ["maturity_nearing"] * 8 + ["payment_overdue"] * 8
        await look()
        assert await raised() == told

    async def test_a_closed_holding_wants_nothing(self, client, clock, look, raised):
        holding = await hold(client)
        await patch(client, holding, 1, status="closed")
        clock.advance(2_000 * DAY)
        await look()
        assert await raised() == []

    async def test_many_workers_tell_once(self, committed_client, committed_database, clock):
        for number in range(6):
            await hold(committed_client, external_id=f"ACC-{number}")
        clock.advance(40 * DAY)
        await asyncio.gather(*(Passes(committed_database, SERVICE.passes, clock=clock).run_once() for _ in range(4)))
        async with committed_database.acquire() as connection:
            rows = await connection.fetch("SELECT aggregateid, sequence FROM event_log WHERE aggregatetype = 'holding'")
        assert len({row["aggregateid"] for row in rows}) == len(rows) == 6
        assert {row["sequence"] for row in rows} == {1}


async def test_lists_and_filters(client, database):
    first = await hold(client)
    second = await hold(client, external_id="ACC-2", product_kind="loan", customer_external_id="C-2")
    third = await hold(client, external_id="ACC-3", product_kind="loan")
    await patch(client, third, 1, status="closed")

    async def ids(path, **query) -> list[str]:
        page = (await client.get(path, params=query | {"limit": 2})).json()
        rest = await client.get(path, params=query | {"limit": 2, "cursor": page["next_cursor"]}) if page["next_cursor"] else None
        return [each["id"] for each in page["data"] + (rest.json()["data"] if rest else [])]

    assert await ids("/v1/holdings") == [third["id"], second["id"], first["id"]]
    assert await ids("/v1/holdings", product_kind="loan") == [third["id"], second["id"]]
    assert await ids("/v1/holdings", product_kind="loan", status="open") == [second["id"]]
    async with database.acquire() as connection:
        await connection.execute(
            "UPDATE customers SET merged_into = $1, root_id = $1 WHERE id = $2", first["customer_id"], second["customer_id"]
        )
    assert await ids(f"/v1/customers/{second['customer_id']}/holdings") == [third["id"], second["id"], first["id"]]
    assert (await client.get("/v1/customers/cus_unknown/holdings")).status_code == 404


RATING = {"rating": "BBB+", "score": 712, "source": "bureau", "rated_at": "2026-02-01T00:00:00Z"}


class TestRatings:
    async def test_ratings_are_kept_with_source_and_date(self, client):
        path = f"/v1/customers/{(await hold(client))['customer_id']}/credit-ratings"
        first = await client.post(path, json=RATING)
        assert (first.status_code, first.json() | RATING) == (201, first.json())
        assert (await client.post(path, json=RATING)).json() == first.json()
        differs = await client.post(path, json=RATING | {"rating": "C"})
        assert (differs.status_code, differs.json()["code"]) == (409, "rating_differs")
        await client.post(path, json=RATING | {"rated_at": "2026-03-01T00:00:00Z", "rating": "A"})
        page = (await client.get(path, params={"limit": 1})).json()
        rest = (await client.get(path, params={"limit": 1, "cursor": page["next_cursor"]})).json()
        assert [each["rating"] for each in page["data"] + rest["data"]] == ["A", "BBB+"]

    async def test_they_are_shown_to_whom_may_see_contact_data(self, client):
        customer = (await hold(client))["customer_id"]
        await client.post(f"/v1/customers/{customer}/credit-ratings", json=RATING)
        full = (await client.get(f"/v1/customers/{customer}/financial-summary")).json()
        assert full["credit_rating"]["rating"] == "BBB+"
        issued = await client.post("/v1/api-keys", json={"name": "teller", "scopes": ["customers:read"]})
        headers = {"authorization": f"Bearer {issued.json()['key']}"}
        assert (await client.get(f"/v1/customers/{customer}/credit-ratings", headers=headers)).status_code == 403
        masked = (await client.get(f"/v1/customers/{customer}/financial-summary", headers=headers)).json()
        assert masked == full | {"credit_rating": None}
        log = (await client.get("/v1/audit", params={"customer_id": customer})).json()["data"]
        assert [entry["action"] for entry in log if entry["action"].startswith("credit")] == ["credit_rating_read", "credit_rated"]


async def test_the_summary_adds_up(client, clock):
    first = await hold(client)
    second = await hold(client, external_id="ACC-2", rate_ppm=20_000, matures_at="2026-09-01T00:00:00Z", payment_due_at=None)
    loan = await hold(client, external_id="ACC-3", product_kind="loan", rate_ppm=None)
    closed = await hold(client, external_id="ACC-4")
    await patch(client, closed, 1, status="closed")
    for each, minor in ((first, 3_000), (second, 1_000), (loan, 700)):
        await balance(client, each, minor, -1)
    clock.advance(31 * DAY)
    shown = (await client.get(f"/v1/customers/{first['customer_id']}/financial-summary")).json()
    assert shown == {
        "products": [
            {
                "product_kind": "deposit",
                "currency": "EUR",
                "holdings": 2,
                "balance_minor": 4_000,
                "rate_ppm": 35_938,
                "next_maturity_at": "2026-09-01T00:00:00Z",
                "overdue_payments": 1,
            },
            {
                "product_kind": "loan",
                "currency": "EUR",
                "holdings": 1,
                "balance_minor": 700,
                "rate_ppm": None,
                "next_maturity_at": "2027-01-15T00:00:00Z",
                "overdue_payments": 1,
            },
        ],
        "closed": 1,
        "credit_rating": None,
    }


async def test_what_is_erased_is_gone_and_what_is_collected_is_all(client, database, clock, look):
    mine, other = await hold(client), await hold(client, external_id="ACC-2", customer_external_id="C-2")
    await balance(client, mine, 5, -1)
    await client.post(f"/v1/customers/{mine['customer_id']}/credit-ratings", json=RATING)
    clock.advance(40 * DAY)
    await look()
    counts = {"holdings": 1, "holding_balances": 1, "holding_alerts": 1, "credit_ratings": 1}
    async with database.acquire() as connection:
        assert {name: len(rows) for name, rows in (await collect(connection, [mine["customer_id"]])).items()} == counts
        assert await erase(connection, [mine["customer_id"]]) == counts
        assert await erase(connection, [mine["customer_id"]]) == dict.fromkeys(counts, 0)
    assert (await client.get(f"/v1/holdings/{mine['id']}")).status_code == 404
    assert (await client.get(f"/v1/holdings/{other['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("index", "statement", "values"),
    [
        ("pk_holding_balances", BALANCES_AFTER, "'hld_1', 20, now()"),
        ("pk_holdings", page_statement((), is_first=False), "20, 'hld_5'"),
        ("ix_holdings_product_kind_id", page_statement(("product_kind",), is_first=False), "20, 'hld_5', 'loan'"),
        ("ix_holdings_status_id", page_statement(("status",), is_first=False), "20, 'hld_5', 'closed'"),
    ],
)
async def test_each_list_reads_its_index(database, index, statement, values):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'individual', 'cus_' || n FROM generate_series(0, 99) AS n;
            INSERT INTO holdings (id, customer_id, product_kind, status, currency, opened_at, falling_days)
            SELECT 'hld_' || n, 'cus_' || n % 100, CASE WHEN n % 50 = 0 THEN 'loan' ELSE 'deposit' END,
                   CASE WHEN n % 50 = 1 THEN 'closed' ELSE 'open' END, 'EUR', now(), 30 FROM generate_series(1, 5000) AS n;
            INSERT INTO holding_balances (holding_id, at, balance_minor) SELECT 'hld_' || n, now(), 1 FROM generate_series(1, 5000) AS n;
            ANALYZE holdings; ANALYZE holding_balances; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
            """
        )
        plan = await plan_of(connection, statement, values)
    assert index in plan, plan
