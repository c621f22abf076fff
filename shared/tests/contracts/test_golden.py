"""Every record that a release ever sent is read by today's code, and means the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import registry
from shared.contracts.base import event_type
from shared.contracts.generate import HOME
from shared.envelope import read_envelope, to_message
from shared.testing.golden import Golden, append_release, read_corpus, record_of, sample_of

CORPUS = list(read_corpus())


def name_of(golden: Golden) -> str:
    return dict(golden.message.headers)["ce_type"].decode()


@pytest.mark.parametrize("golden", CORPUS, ids=lambda golden: f"{name_of(golden)}-{golden.release}-{golden.case}")
def test_a_record_of_any_release_is_read(golden: Golden) -> None:
    assert_reads(golden)


def test_the_corpus_holds_every_released_type() -> None:
    released = {path.stem for path in (HOME / "schemas" / "released").glob("*.json")}
    assert {name_of(golden) for golden in CORPUS} == released
    assert released, "nothing is released yet: run `python -m shared.contracts.generate --release`"


@pytest.mark.parametrize("field", ["score", "has_comment"])
def test_an_unreadable_record_is_found(field: str) -> None:
    message = record_of(registry.feedback.ResponseRecorded, full=True)
    payload = json.loads(message.value)
    payload[f"renamed_{field}"] = payload.pop(field)
    with pytest.raises(ValueError, match=field):
        assert_reads(Golden("0", "full", message._replace(value=json.dumps(payload).encode())))


def test_a_record_that_lost_its_meaning_is_found() -> None:
    message = record_of(registry.feedback.ResponseRecorded, full=True)
    payload = json.loads(message.value) | {"remark": "a field that today's code does not know"}
    with pytest.raises(AssertionError):
        assert_reads(Golden("0", "full", message._replace(value=json.dumps(payload).encode())))


def test_a_release_is_appended_once(tmp_path: Path) -> None:
    append_release("1.0.0", tmp_path)
    append_release("1.1.0", tmp_path)
    assert len(list(read_corpus(tmp_path))) == 4 * len(registry.all_event_types())
    with pytest.raises(ValueError, match=r"1\.1\.0 already"):
        append_release("1.1.0", tmp_path)
    for golden in read_corpus(tmp_path):
        assert_reads(golden)


def test_a_sample_asks_for_an_example_where_it_cannot_guess() -> None:
    with pytest.raises(ValueError, match="example"):
        sample_of({"type": "string", "pattern": "^[A-Z]{3}$"}, full=True)


def assert_reads(golden: Golden) -> None:
    """The record's envelope and event are read, and written again they are what they were."""
    envelope = read_envelope(golden.message.headers, golden.message.key)
    declared = event_type(envelope.type)
    assert declared is not None
    event = declared.read(golden.message.value)
    assert (event.topic, event.aggregate_id, event.key) == (golden.message.topic, envelope.aggregate_id, envelope.key)
    # The order of headers means nothing.
    assert dict(to_message(event.topic, envelope, "").headers) == dict(golden.message.headers)
    assert says_the_same(json.loads(golden.message.value), json.loads(event.model_dump_json(exclude_none=True)))


def says_the_same(then: Any, now: Any) -> bool:
    """Whether all that was said then is still said; fields that came later may stand beside it."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(name in now and says_the_same(value, now[name]) for name, value in then.items())
    if isinstance(then, list):
        return isinstance(now, list) and len(then) == len(now) and all(map(says_the_same, then, now))
    return then == now
