"""What customers tells of segments and of who shares a card, loyalty goes by: rules, explanations and referrals over both services."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from running_suite import RunningSuite, answer, eventually


@pytest.fixture
def customers(suite: RunningSuite) -> httpx2.Client:
    return suite.client("customers")


@pytest.fixture
def loyalty(suite: RunningSuite) -> httpx2.Client:
    return suite.client("loyalty")


def newcomer(customers: httpx2.Client, loyalty: httpx2.Client, **fields: Any) -> str:
    """Return the id of a customer whom loyalty knows."""
    customer_id = answer(customers.post("/v1/customers", json={"kind": "individual", **fields}), 201)["id"]
    eventually(lambda: loyalty.get(f"/v1/members/{customer_id}").status_code, lambda status: status == 200)
    return customer_id


def bought(customers: httpx2.Client, customer_id: str, minor: int) -> str:
    lines = [{"sku": "tea", "quantity": 1, "amount_minor": minor}]
    order = {"customer_id": customer_id, "placed_at": datetime.now(UTC).isoformat(), "currency": "EUR", "lines": lines}
    return answer(customers.post("/v1/orders", json=order), 201)["id"]


def published(loyalty: httpx2.Client, terms: dict[str, Any]) -> str:
    """Return a rule that counts from now on."""
    rule_id = answer(loyalty.post("/v1/rules", json={"name": "Of this test", "trigger": "order_placed", **terms}), 201)["id"]
    answer(loyalty.post(f"/v1/rules/{rule_id}/publish", json={}), 200)
    return rule_id


def ended(loyalty: httpx2.Client, rule_id: str) -> None:
    rule = loyalty.get(f"/v1/rules/{rule_id}")
    patch = {"effective_until": (datetime.now(UTC) + timedelta(milliseconds=1)).isoformat()}
    answer(loyalty.patch(f"/v1/rules/{rule_id}", json=patch, headers={"if-match": rule.headers["etag"]}), 200)


def points(loyalty: httpx2.Client, customer_id: str) -> int:
    return answer(loyalty.get(f"/v1/members/{customer_id}"), 200)["balance"]


def test_who_belongs_to_a_segment_earns_by_it_as_long_as_he_does(customers, loyalty):
    one, other = newcomer(customers, loyalty), newcomer(customers, loyalty)
    names = {"en": "Best customers", "ru": "Лучшие клиенты", "zh": "优质客户", "lv": "Labākie klienti"}
    answer(customers.post("/v1/segments", json={"code": "e2e_vip", "names": names}), 201)
    rules = [
        published(loyalty, {"effect": {"kind": "per_amount", "points": 1, "per": 100}}),
        published(loyalty, {"effect": {"kind": "multiplier", "factor": "3"}, "condition": "'e2e_vip' in customer.segments"}),
    ]
    try:
        entered = customers.post("/v1/segments/e2e_vip/members", json={"items": [{"customer_id": one}]})
        assert [result["status"] for result in answer(entered, 200)["results"]] == [201]
        assert [each["id"] for each in answer(customers.get("/v1/customers?segment=e2e_vip"), 200)["data"]] == [one]
        # Events of a customer come in their order: his order finds him in the segment.
        bought(customers, one, 1_000)
        bought(customers, other, 1_000)
        eventually(lambda: (points(loyalty, one), points(loyalty, other)), lambda seen: seen == (30, 10))
        assert customers.delete(f"/v1/segments/e2e_vip/members/{one}").status_code == 204
        bought(customers, one, 1_000)
        eventually(lambda: points(loyalty, one), lambda seen: seen == 40)
    finally:
        for rule_id in rules:
            ended(loyalty, rule_id)
    entries = answer(loyalty.get(f"/v1/members/{one}/entries"), 200)["data"]
    [tripled] = [entry for entry in entries if entry["points"] == 20]
    explained = answer(loyalty.get(f"/v1/entries/{tripled['id']}/explanation"), 200)
    assert (explained["matches"], explained["inputs"]["customer"]["segments"]) == (True, ["e2e_vip"])
    kinds = [touch["kind"] for touch in answer(customers.get(f"/v1/customers/{one}/timeline"), 200)["data"]]
    assert {"segment_entered", "segment_left"} <= set(kinds)


def test_who_pays_with_the_card_of_his_referrer_is_looked_at(customers, loyalty):
    scheme = loyalty.get("/v1/referral-scheme")
    terms = {"referrer_points": 100, "waiting_days": 0, "condition": "first_order"}
    answer(loyalty.put("/v1/referral-scheme", json=terms, headers={"if-match": scheme.headers["etag"]}), 200)
    one = newcomer(customers, loyalty, name="Jānis Ozols")
    code = answer(loyalty.get(f"/v1/members/{one}/referral"), 200)["code"]
    other = newcomer(customers, loyalty, name="Zane Kalniņa")
    made = answer(loyalty.post("/v1/referrals", json={"code": code, "customer_id": other}), 201)
    assert (made["state"], made["suspicions"]) == ("pending", [])
    for each in (one, other):
        answer(customers.post(f"/v1/customers/{each}/identities", json={"kind": "card", "value": "e2e-4111"}), 201)
    read = lambda: answer(loyalty.get(f"/v1/referrals/{made['id']}"), 200)  # noqa: E731
    # What two share is told when it was compared, an order at once: who buys in between has his reward.
    eventually(read, lambda seen: (seen["state"], seen["suspicions"]) == ("pending", ["shared_card"]))
    bought(customers, other, 5_000)
    eventually(read, lambda seen: (seen["state"], seen["suspicions"]) == ("waiting", ["shared_card"]))
    reviews = answer(loyalty.get("/v1/reviews?state=open"), 200)["data"]
    [review] = [each for each in reviews if each["subject_id"] == made["id"]]
    answer(loyalty.post(f"/v1/reviews/{review['id']}/approve", json={"reason": "A couple with one card."}), 200)
    eventually(read, lambda seen: seen["state"] == "completed")
