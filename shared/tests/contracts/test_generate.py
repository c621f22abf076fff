"""The generated files are up to date, closed and valid, and a broken release is refused with the reason."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.contracts import asyncapi, generate, registry
from shared.contracts.base import Event
from shared.contracts.compatibility import breaches
from shared.contracts.generate import HOME
from shared.contracts.schemas import schema_of
from shared.testing.schema_strategies import documents

EVENTS = registry.all_event_types()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of what is checked in, to break."""
    shutil.copytree(HOME / "schemas", tmp_path / "schemas")
    shutil.copy(HOME / "asyncapi.yaml", tmp_path / "asyncapi.yaml")
    return tmp_path


def test_what_is_checked_in_is_up_to_date() -> None:
    assert generate.stale_files(HOME) == [], "run `python -m shared.contracts.generate`"


def test_no_released_schema_is_broken() -> None:
    assert generate.broken_releases(HOME, generate.present_schemas()) == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_each_schema_is_valid_closed_and_understood(event: type[Event]) -> None:
    schema = schema_of(event)
    Draft202012Validator.check_schema(schema)
    # Compared with itself, a schema is refused when it is open or uses a keyword that the check cannot judge.
    assert breaches(schema, schema) == []
    undescribed = [name for name, field in schema["properties"].items() if "description" not in field]
    assert undescribed == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_fits_the_schema_is_read_and_written_within_it(event: type[Event], data: st.DataObject) -> None:
    schema = schema_of(event)
    read = event.read(json.dumps(data.draw(documents(schema))))
    Draft202012Validator(schema).validate(json.loads(read.model_dump_json(exclude_none=True)))


def test_a_stale_a_missing_and_a_left_over_file_are_found(home: Path) -> None:
    (home / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    (home / "schemas" / f"{EVENTS[0].type}.json").unlink()
    (home / "schemas" / "regulars.customers.forgotten_thing.v1.json").write_text("{}")
    assert len(generate.stale_files(home)) == 3
    assert generate.main(["--check"], home) == 1
    assert generate.main([], home) == 0
    assert generate.stale_files(home) == []


def test_a_change_that_breaks_a_release_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--release"], home) == 0
    path = home / "schemas" / "released" / "regulars.customers.order_placed.v1.json"
    released = json.loads(path.read_text())
    released["properties"]["coupon"] = {"type": "string"}
    path.write_text(json.dumps(released))
    for arguments in (["--check"], [], ["--release"]):
        assert generate.main(arguments, home) == 1
        assert "order_placed.v1: /properties/coupon: removed or renamed" in capsys.readouterr().err


def test_a_released_type_stays_declared(home: Path) -> None:
    generate.release(home)
    schemas = generate.present_schemas()
    del schemas["regulars.feedback.response_recorded.v1"]
    assert [line.split(":")[0] for line in generate.broken_releases(home, schemas)] == ["regulars.feedback.response_recorded.v1"]


def test_the_asyncapi_document_refers_to_what_exists() -> None:
    described = yaml.safe_load((HOME / "asyncapi.yaml").read_text())
    references = list(_references(described))
    assert len(references) >= 4 * len(EVENTS)
    for reference in references:
        if not reference.startswith("#/"):
            assert (HOME / reference).is_file()
            continue
        target: Any = described
        for key in reference.removeprefix("#/").split("/"):
            target = target[key]
        assert target


def test_the_asyncapi_document_tells_who_listens() -> None:
    heard = "regulars.customers.order_placed.v1"
    described = asyncapi.document(EVENTS, registry.PRODUCERS, {"loyalty": [heard]})
    operation = described["operations"]["loyalty.hears.customers"]
    assert operation["action"] == "receive"
    assert operation["messages"] == [{"$ref": "#/channels/customers/messages/OrderPlaced"}]


def test_nobody_listens_to_what_nobody_tells() -> None:
    with pytest.raises(ValueError, match="nobody declares"):
        asyncapi.document(EVENTS, registry.PRODUCERS, {"loyalty": ["regulars.customers.order_plced.v1"]})


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [reference for item in part for reference in _references(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [reference for item in part.values() for reference in _references(item)]
