"""Answers for the tests, recorded and listed over HTTP."""

from typing import Any

CUSTOMER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
OTHER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p2"
NINE = {"customer_id": CUSTOMER, "question": "nps", "score": 9, "channel": "email", "comment": "Quick and kind."}


async def record(client, **values: Any) -> dict[str, Any]:
    answer = await client.post("/v1/responses", json=NINE | values)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def listed(client, **filters: Any) -> list[int]:
    answer = await client.get("/v1/responses", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["score"] for item in answer.json()["data"]]
