"""What is generated from the code is checked in and up to date."""

from pathlib import Path

import orjson

from customers.app import SERVICE
from shared.cli import settings_table
from shared.contracts import customers as contracts
from shared.contracts.base import all_event_types
from shared.http import openapi_document

HOME = Path(__file__).parents[1]

OPERATORS = ("/v1/operations/", "/v1/jobs/")


def test_the_openapi_document_is_up_to_date():
    assert orjson.loads((HOME / "openapi.json").read_bytes()) == orjson.loads(orjson.dumps(openapi_document(SERVICE)))


def test_every_field_that_is_sent_is_returned():
    schemas = openapi_document(SERVICE)["components"]["schemas"]
    shown_of = {"CustomerDraft": "Customer", "OrderDraft": "Order", "OrderLine": "Line", "ReturnDraft": "Return", "ApiKeyDraft": "ApiKey"}
    for sent, shown in shown_of.items():
        # Who tells it, and when he saw it, is shown as the provenance of each field.
        assert set(schemas[sent]["properties"]) - {"source", "observed_at"} <= set(schemas[shown]["properties"])


def test_the_readme_tells_every_route_setting_and_event():
    readme = (HOME / "README.md").read_text()
    for path, operations in openapi_document(SERVICE)["paths"].items():
        # The operators' routes are the chassis' and are told once for all services.
        for method in () if path.startswith(OPERATORS) else operations:
            assert f"`{method.upper()} {path}`" in readme
    assert settings_table(SERVICE) in readme
    for event in all_event_types():
        if event.topic == "regulars.customers":
            assert f"`{event.type.split('.')[-2]}`" in readme
    assert contracts.CustomerRegistered.topic == "regulars.customers"
