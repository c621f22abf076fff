"""One person under two ids, through all services: merged, parted, told what is kept of him, erased, and proven to be erased."""

import io
import json
import os
import signal
import zipfile
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from local_runner.state import State
from running_suite import RunningSuite, answer, eventually

SERVICES = {"customers", "feedback", "loyalty", "analytics"}


@dataclass
class Shop:
    """The interfaces of a suite, and what they say of the people of one test."""

    suite: RunningSuite

    def __post_init__(self) -> None:
        self.customers, self.feedback, self.loyalty, self.analytics = (
            self.suite.client(name) for name in ("customers", "feedback", "loyalty", "analytics")
        )

    def newcomer(self, name: str, amount_minor: int, score: int) -> str:
        """Return the id of a customer with one order and one answer, once every service knows of all of it."""
        body = {"kind": "individual", "external_id": name, "name": "Līga Ozola", "email": f"{name}@example.org"}
        customer_id = answer(self.customers.post("/v1/customers", json=body), 201)["id"]
        lines = [{"sku": "tea", "quantity": 1, "amount_minor": amount_minor}]
        order = {"customer_id": customer_id, "placed_at": "2026-01-05T10:00:00Z", "currency": "EUR", "lines": lines}
        orders, answers, points = self.known()
        answer(self.customers.post("/v1/orders", json={**order, "external_id": name}), 201)
        response = {"customer_id": customer_id, "question": "nps", "score": score, "comment": f"I am {name}."}
        answer(self.feedback.post("/v1/responses", json=response), 201)
        eventually(lambda: self.balance(customer_id), lambda balance: balance == amount_minor // 100)
        eventually(self.known, lambda now: now == (orders + 1, answers + 1, points + amount_minor // 100))
        return customer_id

    def known(self) -> tuple[int, int, int]:
        """Return how many orders, answers and outstanding points analytics knows."""
        orders, nps, points = (answer(self.analytics.get(f"/v1/metrics/{name}"), 200) for name in ("orders", "nps", "points"))
        return orders["totals"]["orders"], nps["n"], points["outstanding"]

    def people(self) -> int:
        return answer(self.analytics.get("/v1/metrics/orders"), 200)["totals"]["customers"]

    def history(self) -> str:
        return answer(self.analytics.get("/v1/history/checksum"), 200)["checksum"]

    def balance(self, customer_id: str) -> int | None:
        response = self.loyalty.get(f"/v1/members/{customer_id}")
        return response.json()["balance"] if response.status_code == 200 else None

    def scores(self, customer_id: str) -> list[int]:
        data = answer(self.feedback.get("/v1/responses", params={"customer_id": customer_id}), 200)["data"]
        return sorted(item["score"] for item in data)

    def merge(self, survivor_id: str, merged_id: str) -> str:
        return answer(self.customers.post("/v1/merges", json={"survivor_id": survivor_id, "merged_id": merged_id}), 201)["id"]

    def erase(self, customer_id: str) -> str:
        return answer(self.customers.post("/v1/erasures", json={"customer_id": customer_id}), 202)["id"]

    def erasure(self, erasure_id: str) -> dict[str, Any]:
        return answer(self.customers.get(f"/v1/erasures/{erasure_id}"), 200)


@pytest.fixture
def shop(suite: RunningSuite) -> Shop:
    shop = Shop(suite)
    # What earlier tests left on its way has arrived once twenty looks in a row see the same.
    eventually(lambda: {shop.known() for _ in range(20)}, lambda seen: len(seen) == 1)
    return shop


def test_merged_customers_are_one_everywhere_and_parted_ones_as_they_were(shop):
    one, other = shop.newcomer("people-1", 2_050, 9), shop.newcomer("people-2", 700, 3)
    people, apart = shop.people(), shop.history()

    merge_id = shop.merge(one, other)
    eventually(shop.people, lambda now: now == people - 1)
    for customer_id in (one, other):
        eventually(lambda: shop.scores(customer_id), lambda scores: scores == [3, 9])  # noqa: B023 - read at once
        eventually(lambda: shop.balance(customer_id), lambda balance: balance == 27)  # noqa: B023 - read at once
        assert answer(shop.customers.get(f"/v1/customers/{customer_id}"), 200)["id"] == one
    assert answer(shop.loyalty.get("/v1/ledger/verify"), 200)["ok"] is True

    answer(shop.customers.post(f"/v1/merges/{merge_id}/undo"), 200)
    eventually(shop.history, lambda now: now == apart)
    eventually(lambda: [shop.scores(one), shop.scores(other)], lambda scores: scores == [[9], [3]])
    eventually(lambda: [shop.balance(one), shop.balance(other)], lambda balances: balances == [20, 7])
    assert answer(shop.customers.get(f"/v1/customers/{other}"), 200)["id"] == other


def test_a_customer_gets_what_every_service_keeps_of_him(shop):
    one, other = shop.newcomer("people-6", 1_200, 7), shop.newcomer("people-7", 400, 5)
    shop.merge(one, other)
    eventually(lambda: shop.scores(one), lambda scores: scores == [5, 7])

    export_id = answer(shop.customers.post("/v1/access-exports", json={"customer_id": one}), 202)["id"]
    export = f"/v1/access-exports/{export_id}"
    eventually(lambda: answer(shop.customers.get(export), 200), lambda found: found["status"] == "complete")
    archive = zipfile.ZipFile(io.BytesIO(shop.customers.get(f"{export}/archive").content))
    kept = {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}
    assert {name.split("/")[0] for name in kept} == SERVICES
    assert {row["comment"] for row in kept["feedback/responses.json"]} == {"I am people-6.", "I am people-7."}
    assert {row["amount_minor"] for row in kept["analytics/orders.json"]} == {1_200, 400}


def test_an_erased_family_is_gone_everywhere_with_a_receipt_of_each_service(shop):
    one, other = shop.newcomer("people-3", 1_000, 10), shop.newcomer("people-4", 500, 0)
    people, (orders, answers, points) = shop.people(), shop.known()
    score = answer(shop.feedback.get("/v1/metrics/nps"), 200)["score"]
    shop.merge(one, other)

    erasure_id = shop.erase(other)
    erased = eventually(lambda: shop.erasure(erasure_id), lambda erasure: erasure["status"] == "complete")
    assert {receipt["service"] for receipt in erased["receipts"]} == SERVICES
    assert set(erased["customer_ids"]) == {one, other}
    assert erased["certificate"] is not None
    assert answer(shop.customers.post(f"/v1/erasures/{erasure_id}/verify"), 200)["valid"] is True

    assert (shop.people(), shop.known()) == (people - 2, (orders, answers, points - 15))
    assert answer(shop.feedback.get("/v1/metrics/nps"), 200)["score"] == score
    for customer_id in (one, other):
        assert shop.scores(customer_id) == []
        assert shop.balance(customer_id) is None
        assert shop.customers.get(f"/v1/customers/{customer_id}").status_code == 404
        late = {"customer_id": customer_id, "question": "nps", "score": 1}
        assert shop.feedback.post("/v1/responses", json=late).status_code == 409
    assert answer(shop.loyalty.get("/v1/ledger/verify"), 200)["ok"] is True


def test_a_killed_service_leaves_an_erasure_incomplete_until_it_is_back(shop):
    state = State.read(shop.suite.home)
    if state is None:
        pytest.skip("the suite was started by other means, and its processes are not ours to kill")
    customer_id = shop.newcomer("people-5", 300, 8)
    analytics = state.children["analytics"].process_id
    # Frozen first: a killed one is started again at once.
    os.kill(analytics, signal.SIGSTOP)
    try:
        erasure_id = shop.erase(customer_id)
        waiting = eventually(lambda: shop.erasure(erasure_id), lambda erasure: erasure["missing"] == ["analytics"])
        assert (waiting["status"], waiting["certificate"]) == ("incomplete", None)
    finally:
        os.kill(analytics, signal.SIGKILL)
    complete = eventually(lambda: shop.erasure(erasure_id), lambda erasure: erasure["status"] == "complete", within_seconds=120)
    assert {receipt["service"] for receipt in complete["receipts"]} == SERVICES
    eventually(lambda: ready(shop.analytics), bool)


def ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.HTTPError:
        return False
