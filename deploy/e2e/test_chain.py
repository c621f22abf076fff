"""One customer through the whole chain: over HTTP in one service, seen in the others by events alone."""

from decimal import Decimal

from running_suite import answer, eventually

ORDER = {
    "placed_at": "2026-01-05T10:00:00Z",
    "currency": "EUR",
    "lines": [
        {"sku": "tea", "quantity": 2, "amount_minor": 1_250, "category": "drinks"},
        {"sku": "cup", "quantity": 1, "amount_minor": 799, "category": "kitchen"},
    ],
}


def register(customers, external_id: str) -> str:
    body = {
        "kind": "individual",
        "external_id": external_id,
        "name": "Анна Bērziņa",
        "email": f"{external_id}@example.org",
        "country": "LV",
    }
    return answer(customers.post("/v1/customers", json=body), 201)["id"]


def member(loyalty, customer_id: str) -> dict:
    response = loyalty.get(f"/v1/members/{customer_id}")
    return response.json() if response.status_code == 200 else {"balance": None}


def test_an_order_earns_points_and_a_return_takes_them_back(suite):
    customers, loyalty = suite.client("customers"), suite.client("loyalty")
    customer_id = register(customers, "chain-1")
    order = answer(customers.post("/v1/orders", json={**ORDER, "external_id": "chain-1-1", "customer_id": customer_id}), 201)
    eventually(lambda: member(loyalty, customer_id)["balance"], lambda balance: balance == 20)

    returned = {"lines": [{"sku": "cup", "quantity": 1, "amount_minor": 799}], "returned_at": "2026-01-09T10:00:00Z"}
    answer(customers.post(f"/v1/orders/{order['id']}/returns", json=returned), 201)
    eventually(lambda: member(loyalty, customer_id)["balance"], lambda balance: balance == 12)
    assert answer(loyalty.get("/v1/ledger/verify"), 200)["ok"] is True


def test_an_answer_moves_the_score_in_both_services(suite):
    feedback, analytics = suite.client("feedback"), suite.client("analytics")
    for score, times in ((10, 32), (8, 13), (3, 6)):
        items = [
            {
                "question": "nps",
                "score": score,
                "channel": "email",
                "answered_at": "2026-02-01T08:00:00Z",
                "external_id": f"nps-{score}-{n}",
            }
            for n in range(times)
        ]
        results = answer(feedback.post("/v1/responses/batch", json={"items": items}), 200)["results"]
        assert {result["status"] for result in results} == {201}
    own = answer(feedback.get("/v1/metrics/nps"), 200)
    theirs = eventually(lambda: answer(analytics.get("/v1/metrics/nps"), 200), lambda nps: nps["n"] == 51)
    # One shape and one meaning: only how fresh they are differs.
    fresh = {"as_of", "computed_at"}
    assert {name: own[name] for name in own.keys() - fresh} == {name: theirs[name] for name in theirs.keys() - fresh}
    assert (own["score"], own["interval"]["low"]) == (50.98, 29.29)


def test_a_member_sees_himself_and_nobody_else(suite):
    customers = suite.client("customers")
    mine, other = register(customers, "chain-2"), register(customers, "chain-3")
    token = answer(customers.post("/v1/member-tokens", json={"customer_id": mine, "ttl_seconds": 300}), 201)["token"]
    loyalty = suite.client("loyalty", token=token)
    eventually(lambda: loyalty.get(f"/v1/members/{mine}").status_code, lambda status: status == 200)
    eventually(lambda: suite.client("loyalty").get(f"/v1/members/{other}").status_code, lambda status: status == 200)
    assert loyalty.get(f"/v1/members/{other}").status_code == 404
    assert loyalty.get("/v1/ledger/verify").status_code == 403


def test_a_revoked_key_opens_no_service(suite):
    customers = suite.client("customers")
    issued = answer(customers.post("/v1/api-keys", json={"name": "till", "scopes": ["loyalty:read"]}), 201)
    loyalty = suite.client("loyalty", token=issued["key"])
    eventually(lambda: loyalty.get("/v1/programmes").status_code, lambda status: status == 200)
    answer(customers.post(f"/v1/api-keys/{issued['id']}/revoke"), 200)
    eventually(lambda: loyalty.get("/v1/programmes").status_code, lambda status: status == 401)


def test_a_retried_request_has_one_effect_and_the_same_answer(suite):
    customers = suite.client("customers")
    customer_id = register(customers, "chain-4")
    body = {**ORDER, "external_id": "chain-4-1", "customer_id": customer_id}
    answers = [customers.post("/v1/orders", json=body, headers={"Idempotency-Key": "chain-4"}) for _ in range(3)]
    assert {response.status_code for response in answers} == {201}
    assert len({response.content for response in answers}) == 1
    assert len(answer(customers.get(f"/v1/customers/{customer_id}/orders"), 200)["data"]) == 1


def test_points_equal_a_plain_recomputation(suite):
    customers, loyalty = suite.client("customers"), suite.client("loyalty")
    customer_id = register(customers, "chain-5")
    amounts = [1, 99, 100, 101, 25_050, 0]
    items = [
        {
            "external_id": f"chain-5-{n}",
            "customer_external_id": "chain-5",
            "placed_at": "2025-11-11T00:00:00Z",
            "currency": "EUR",
            "lines": [{"sku": "a", "quantity": 1, "amount_minor": amount}],
        }
        for n, amount in enumerate(amounts)
    ]
    assert {r["status"] for r in answer(customers.post("/v1/orders/batch", json={"items": items}), 200)["results"]} == {201}
    expected = sum(int(Decimal(amount) / 100) for amount in amounts)
    eventually(lambda: member(loyalty, customer_id)["balance"], lambda balance: balance == expected)
