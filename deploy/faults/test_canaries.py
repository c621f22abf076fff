"""F13: a person is erased while the shop goes on; nothing anywhere tells of him any more, and he does not come back."""

import secrets
import time
from collections.abc import Iterator

import pytest

from canaries import found_in_databases, found_in_files, found_in_topics
from shop import Shop
from stack import Stack

_SERVICES = ("customers", "feedback", "loyalty", "analytics")
_ERASED_WITHIN_SECONDS = 60.0


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("stack"))
    try:
        running.start(_SERVICES)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def canary() -> str:
    return "xyq" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(16))


def test_nothing_tells_of_an_erased_person(whole_stack: Stack, canary: str) -> None:
    shop = Shop(whole_stack, "bystanders")
    selling = shop.selling(300)
    customer_id = _live(whole_stack, canary)
    # He is in many places before: a search that finds nothing then would prove nothing after.
    assert len(found_in_databases(whole_stack, canary)) >= 8

    with whole_stack.client("customers") as customers:
        erasure = customers.post("/v1/erasures", json={"customer_id": customer_id}, headers={"Idempotency-Key": f"erase-{customer_id}"})
        assert erasure.status_code == 202, erasure.text
        deadline = time.monotonic() + _ERASED_WITHIN_SECONDS
        while (shown := customers.get(f"/v1/erasures/{erasure.json()['id']}").json())["status"] != "complete":
            assert time.monotonic() < deadline, shown
            time.sleep(0.2)
        assert sorted(receipt["service"] for receipt in shown["receipts"]) == sorted(_SERVICES)
        assert customers.get(f"/v1/customers/{customer_id}").status_code in (404, 410)
        again = customers.post("/v1/customers", json={"kind": "individual", "name": "Somebody", "email": f"{canary}@example.org"})
        assert 400 <= again.status_code < 500, again.text
    selling.join()

    for service in ("customers", "loyalty"):
        whole_stack.run(service, "replay", "--all")
    time.sleep(2)
    assert found_in_databases(whole_stack, canary) == []
    assert found_in_topics(whole_stack, canary) == []
    assert found_in_files(whole_stack.home, canary) == []


def _live(stack: Stack, canary: str) -> str:
    """Leave the canary wherever the interfaces take a word of or about a person; return his customer id."""
    with stack.client("customers") as customers:
        person = {
            "kind": "individual",
            "external_id": f"ext-{canary}",
            "name": f"Anna {canary}",
            "email": f"{canary}@example.org",
            "city": canary,
            "attributes": {"nickname": canary},
            "interests": [canary],
            "tags": [canary],
            "addresses": [{"kind": "home", "lines": [f"{canary} street 1"], "city": "Riga", "country": "LV"}],
        }
        customer_id = _sent(customers.post("/v1/customers", json=person, headers={"Idempotency-Key": "canary-person"}))["id"]
        own = f"/v1/customers/{customer_id}"
        _sent(customers.post(f"{own}/notes", json={"text": f"calls himself {canary}"}))
        call = {"customer_id": customer_id, "kind": "call", "channel": "phone", "subject": canary, "text": f"I am {canary}."}
        _sent(customers.post("/v1/interactions", json=call, headers={"Idempotency-Key": "canary-call"}))
        _sent(customers.put(f"{own}/consents/marketing/email", json={"granted": True, "source": f"form of {canary}", "text_version": "1"}))
        _sent(customers.post(f"{own}/identities", json={"kind": "device", "value": f"device-{canary}"}))
        rows = f"external_id,name,city\next-{canary},Anna {canary},{canary} again\n"
        _sent(customers.post("/v1/imports", content=rows.encode(), headers={"Content-Type": "text/csv"}))
        order = {
            "external_id": f"order-{canary}",
            "customer_id": customer_id,
            "placed_at": "2026-01-05T10:00:00Z",
            "currency": "EUR",
            "lines": [{"sku": "tea", "quantity": 1, "amount_minor": 2_500}],
        }
        _sent(customers.post("/v1/orders", json=order))
        # What is refused must not stay in a log, either.
        assert customers.post("/v1/customers", json={**person, "country": canary}).status_code == 422
        _sent(customers.post("/v1/access-exports", json={"customer_id": customer_id}))
    with stack.client("feedback") as feedback:
        _until(lambda: feedback.post("/v1/responses", json=_response(customer_id, canary)).status_code == 201)
    with stack.client("loyalty") as loyalty:
        _until(lambda: loyalty.get(f"/v1/members/{customer_id}").json().get("balance") == 25)
        _sent(loyalty.post("/v1/adjustments", json={"customer_id": customer_id, "points": 5, "reason": f"a gift for {canary}"}))
        hold = {"customer_id": customer_id, "points": 5, "expires_in_seconds": 600, "reference": f"table of {canary}"}
        _sent(loyalty.post("/v1/holds", json=hold))
        batch = _sent(loyalty.post("/v1/voucher-batches", json={"campaign": "spring", "count": 1}))
        code = loyalty.get(f"/v1/voucher-batches/{batch['id']}/codes").json()["data"][0]["code"]
        _sent(loyalty.post("/v1/vouchers/redeem", json={"code": code, "customer_id": customer_id, "reference": f"bill of {canary}"}))
    return customer_id


def _response(customer_id: str, canary: str) -> dict[str, object]:
    return {"customer_id": customer_id, "question": "nps", "score": 9, "comment": f"{canary} is glad", "external_id": f"answer-{canary}"}


def _sent(response) -> dict:
    assert response.status_code in (200, 201, 202), response.text
    return response.json()


def _until(holds) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
