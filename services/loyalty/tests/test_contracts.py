"""What others rely on: the OpenAPI document in the tree, and the events as their contracts describe them."""

import json
from pathlib import Path

from loyalty.app import SERVICE
from shared.contracts.base import event_type
from shared.contracts.customers import CustomerRegistered, OrderPlaced, OrderReturned
from shared.http import openapi_document

OPENAPI = Path(__file__).parents[1] / "openapi.json"


def test_the_openapi_document_is_up_to_date():
    assert json.loads(OPENAPI.read_text()) == json.loads(json.dumps(openapi_document(SERVICE)))


def test_it_listens_to_customers_and_their_answers():
    assert {CustomerRegistered, OrderPlaced, OrderReturned} <= SERVICE.handlers.keys()
    assert SERVICE.topics == ("regulars.customers", "regulars.feedback")


async def test_what_it_tells_reads_as_the_contract_says(ledger, story):
    order = story.placed("ord_1", 1_250)
    await ledger.hear(story.registered(), order, story.returned(order, "ret_1", 300))
    rows = await ledger.fetch("SELECT type, aggregateid, key, payload FROM event_log ORDER BY position")
    told = []
    for row in rows:
        contract = event_type(row["type"])
        assert contract is not None
        event = contract.model_validate_json(row["payload"])
        assert (row["aggregateid"], row["key"]) == (event.aggregate_id, event.key) == ("cus_1", "cus_1")
        told.append(event)
    enrolled, accrued, reversed_ = told
    assert enrolled.enrolled_at == story.registered().registered_at
    assert (accrued.points, accrued.order_id, accrued.occurred_at) == (12, "ord_1", order.placed_at)
    assert (reversed_.points, reversed_.order_id, reversed_.reason) == (3, "ord_1", "return")
    entries = await ledger.fetch("SELECT id FROM entries")
    assert {accrued.entry_id, reversed_.entry_id} == {row["id"] for row in entries}
