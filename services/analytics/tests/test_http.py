"""The metrics over HTTP: what every answer carries, and what is refused."""

import json
import subprocess
import sys

import pytest
from analytics_events import accrued, customer, enrolled, order, response, returned, reversed_, send, utc

from shared.contracts.customers import Line

PATHS = ("retention", "repeat-rate", "rfm", "orders", "nps", "points")


async def read(client, path: str, **parameters) -> dict:
    answer = await client.get(f"/v1/metrics/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", PATHS)
async def test_an_empty_history_has_answers_without_figures(client, path):
    answer = await read(client, path)
    assert answer["as_of"] is None
    assert answer["zone"] == "UTC"
    assert set(answer["definition"]) == {"name", "title", "text", "formula", "parameters", "version", "hash", "source"}
    assert set(answer["window"]) == {"from", "to"}
    assert answer["computed_at"] == "2026-03-02T12:00:00Z"


async def test_the_catalogue_holds_the_definition_of_every_answer(client):
    catalogue = (await client.get("/v1/metrics", params={"limit": 100})).json()
    hashes = {definition["hash"] for definition in catalogue["data"]}
    for path in PATHS:
        if path == "rfm":
            continue
        assert (await read(client, path))["definition"]["hash"] in hashes
    assert {row["hash"] for row in (await read(client, "retention"))["summary"]} <= hashes


async def test_the_catalogue_is_read_in_pages(client):
    first = (await client.get("/v1/metrics", params={"limit": 6})).json()
    second = (await client.get("/v1/metrics", params={"limit": 6, "cursor": first["next_cursor"]})).json()
    names = [definition["name"] for definition in first["data"] + second["data"]]
    assert names == sorted(names)
    assert (len(names), second["next_cursor"]) == (10, None)


@pytest.mark.parametrize(
    ("path", "parameters", "status", "code"),
    [
        ("retention", {"zone": "Europe/Riga"}, 422, "zone_not_exact"),
        ("rfm", {"zone": "Europe/Riga"}, 422, "zone_not_exact"),
        ("retention", {"from": "2026-01-02"}, 422, "window_not_months"),
        ("retention", {"from": "2000-01-01", "to": "2026-01-01"}, 422, "window_too_wide"),
        ("nps", {"from": "2026-01-02", "to": "2026-01-02"}, 422, "window_empty"),
        ("retention", {"definition": "sticky"}, 422, None),
        ("retention", {"period": "week"}, 422, None),
        ("retention", {"columns": 61}, 422, None),
        ("rfm", {"currency": "usd"}, 422, None),
        ("rfm", {"as_of": "0"}, 422, None),
        ("nps", {"from": "2026-02-30"}, 422, None),
        ("orders", {"currency": "USD"}, 400, "unknown_parameter"),
    ],
)
async def test_what_cannot_be_answered_exactly_is_refused(client, path, parameters, status, code):
    answer = await client.get(f"/v1/metrics/{path}", params=parameters)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert code is None or answer.json()["code"] == code


async def test_scopes_are_needed(database, settings, clock, client_of):
    async with client_of(database, settings, clock, scopes=("analytics:read",)) as reader:
        assert (await reader.get("/v1/metrics/orders")).status_code == 200
        assert (await reader.get("/v1/history/checksum")).status_code == 403
    async with client_of(database, settings, clock, scopes=("operations:read",)) as operator:
        assert (await operator.get("/v1/history/checksum")).status_code == 200
        assert (await operator.get("/v1/metrics/orders")).status_code == 403


async def test_orders_are_net_of_returns_in_the_month_they_were_placed(database, client):
    first, second = order("ord_1", "cus_a", "2026-01-31", 1_000), order("ord_2", "cus_a", "2026-02-01", 333)
    whole_return = returned("ret_1", first, 1_000, utc("2026-02-20"))
    await send(database, [customer("cus_a"), first, second, order("ord_3", "cus_b", "2026-02-02", 334, "EUR"), whole_return])
    answer = await read(client, "orders")
    assert answer["totals"]["orders"] == 3
    assert answer["totals"]["customers"] == 2
    assert answer["totals"]["revenue_minor"] is None
    usd = answer["totals"]["money"][1]
    assert (usd["currency"], usd["revenue_minor"], usd["returned_minor"], usd["average_order_minor"]) == ("USD", 333, 1_000, 166.5)
    january, february = answer["months"]
    assert (january["customers"], january["orders"], january["money"][0]["revenue_minor"]) == (1, 1, 0)
    assert (february["customers"], february["orders"]) == (2, 2)
    only_february = await read(client, "orders", **{"from": "2026-02-01", "to": "2026-03-01"})
    assert (only_february["totals"]["orders"], only_february["totals"]["customers"]) == (2, None)


async def test_money_refunded_without_goods_lowers_revenue_and_no_order(database, client):
    bought = order("ord_1", "cus_a", "2026-01-31", 1_000)
    reduced = returned("ret_1", bought, 300, utc("2026-02-20")).model_copy(
        update={"kind": "refund", "lines": [Line(sku="cd", quantity=0, amount_minor=300)]}
    )
    shipping = returned("ret_2", bought, 0, utc("2026-02-21")).model_copy(update={"kind": "refund", "lines": []})
    await send(database, [customer("cus_a"), bought, reduced, shipping])
    totals = (await read(client, "orders"))["totals"]
    assert (totals["orders"], totals["customers"], totals["revenue_minor"]) == (1, 1, 700)
    assert totals["money"][0]["returned_minor"] == 300


async def test_retention_flags_what_has_not_had_its_time(database, client):
    await send(database, [order("ord_1", "cus_a", "2026-01-10"), order("ord_2", "cus_a", "2026-02-20")])
    (cohort,) = (await read(client, "retention"))["cohorts"]
    assert (cohort["cohort"], cohort["size"]) == ("2026-01-01", 1)
    assert cohort["cells"] == [
        {"k": 0, "active": 1, "mature": True, "share": {"numerator": 1, "denominator": 1, "percent": 100.0}},
        {"k": 1, "active": 1, "mature": False, "share": None},
    ]


async def test_the_net_promoter_score_is_exact_with_its_interval(database, client):
    scores = [10] * 20 + [9] * 12 + [8] * 13 + [6] * 5 + [0]
    await send(database, [response(f"rsp_{n}", score, "2026-02-01") for n, score in enumerate(scores)])
    await send(database, [response("rsp_other", 0, "2026-03-01", "app")])
    answer = await read(client, "nps", to="2026-03-01")
    assert (answer["n"], answer["promoters"], answer["passives"], answer["detractors"]) == (51, 32, 13, 6)
    assert (answer["numerator"], answer["denominator"], answer["score"]) == (26, 51, 50.98)
    assert answer["interval"] == {"low": 29.29, "high": 67.0, "level": 0.95, "method": "adjusted_wald"}
    assert {each["score"]: each["n"] for each in answer["distribution"] if each["n"]} == {0: 1, 6: 5, 8: 13, 9: 12, 10: 20}
    assert (await read(client, "nps", channel="app"))["score"] == -100.0
    assert [month["n"] for month in (await read(client, "nps"))["months"]] == [51, 1]


async def test_points_stand_at_the_end_of_the_window(database, client):
    moved = [
        enrolled("cus_a"),
        accrued("ent_1", 100, "2026-01-05"),
        reversed_("ent_2", 30, "2026-02-05"),
        accrued("ent_3", 7, "2026-03-01"),
    ]
    await send(database, moved)
    answer = await read(client, "points")
    assert (answer["issued"], answer["reversed"], answer["outstanding"], answer["members"]) == (107, 30, 77, 1)
    february = await read(client, "points", **{"from": "2026-02-01", "to": "2026-03-01"})
    assert (february["issued"], february["reversed"], february["outstanding"]) == (0, 30, 70)


@pytest.mark.parametrize("of", [{"wallet": "tier_points"}, {"programme_id": "prg_2"}])
async def test_points_of_other_kinds_are_not_added_to_them(database, client, of):
    others = [accrued("ent_2", 50).model_copy(update=of), reversed_("ent_3", 5).model_copy(update=of)]
    await send(database, [enrolled("cus_a"), accrued("ent_1", 100), *others])
    answer = await read(client, "points")
    assert (answer["issued"], answer["reversed"], answer["outstanding"]) == (100, 0, 100)


async def test_rfm_sees_an_event_at_once_when_asked_to(database, client):
    await send(database, [order("ord_1", "cus_a", "2026-01-10", 500)])
    assert (await read(client, "rfm"))["customers"] == 1
    await send(database, [order("ord_2", "cus_b", "2026-01-11", 500)])
    assert (await read(client, "rfm"))["customers"] == 2
    assert (await read(client, "rfm", as_of="2026-01-10"))["customers"] == 1
    assert (await read(client, "rfm", currency="EUR"))["customers"] == 0


async def test_the_checksum_tells_contents_and_not_how_they_came(database, client):
    empty = (await client.get("/v1/history/checksum")).json()
    events = [order("ord_1", "cus_a", "2026-01-10"), order("ord_2", "cus_a", "2026-01-11")]
    await send(database, events)
    full = (await client.get("/v1/history/checksum")).json()
    assert full["checksum"] != empty["checksum"]
    assert {table["name"]: table["rows"] for table in full["tables"]}["orders"] == 2
    await send(database, reversed(events))
    assert (await client.get("/v1/history/checksum")).json() == full


def test_the_openapi_document_is_up_to_date():
    done = subprocess.run([sys.executable, "-m", "analytics", "openapi", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_the_openapi_document_names_every_operation(client):
    document = (await client.get("/openapi.json")).json()
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == 10
    assert json.dumps(document).isascii()


async def test_the_checksum_names_its_tables_in_one_order(client):
    tables = (await client.get("/v1/history/checksum")).json()["tables"]
    names = [table["name"] for table in tables]
    assert names == sorted(names)


async def test_a_history_of_thirty_years_is_counted_from_its_beginning(database, client):
    await send(
        database, [order("ord_1", "cus_old", "1997-01-05"), order("ord_2", "cus_old", "1997-03-05"), order("ord_3", "cus_a", "2026-01-05")]
    )
    answer = (await client.get("/v1/metrics/repeat-rate")).json()
    assert (answer["share"]["numerator"], answer["share"]["denominator"]) == (1, 2)
    assert [row["cohort"] for row in answer["cohorts"]] == ["1997-01-01", "2026-01-01"]
    assert (await client.get("/v1/metrics/repeat-rate", params={"from": "1990-01-01", "to": "2026-02-01"})).json()["share"] == answer[
        "share"
    ]
