"""The pure rules, by properties."""

import math
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.orders import rules as orders
from customers.orders.errors import NothingToReturn, PlacedAtRefused, ReturnedAtRefused, ReturnExceedsOrder, SkuNotInOrder
from customers.profiles.errors import AttributesRefused, BirthDateInFuture
from customers.profiles.rules import FIELDS, Profile, amended, check_attributes, check_birth_date, merge_patched

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIMPLE = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
OBJECTS = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.recursive(SIMPLE, lambda inner: st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3), max_leaves=6),
    max_size=4,
)


class TestAmended:
    @given(OBJECTS, st.text(min_size=1))
    def test_applying_twice_changes_nothing_more(self, attributes, name):
        after, changed = amended(Profile(), {"name": name, "attributes": attributes})
        assert "name" in changed
        assert amended(after, {"name": name, "attributes": attributes}) == (after, [])

    @given(st.permutations(FIELDS))
    def test_changed_fields_are_sorted(self, names):
        values: dict[str, Any] = dict.fromkeys(names, "x") | {"attributes": {"a": 1}, "preferences": {"channel": "sms"}}
        assert amended(Profile(), values)[1] == sorted(FIELDS)

    def test_json_knows_true_from_one(self):
        profile, _ = amended(Profile(), {"attributes": {"a": 1}})
        assert amended(profile, {"attributes": {"a": True}})[1] == ["attributes"]
        assert amended(profile, {"attributes": {"a": 1.0}})[1] == ["attributes"]

    def test_null_stands_for_the_default(self):
        profile, _ = amended(Profile(), {"kind": "organisation", "attributes": {"a": 1}, "city": "Rīga"})
        assert amended(profile, {"kind": None, "attributes": None, "city": None})[0] == Profile()


class TestMergePatch:
    # The examples of RFC 7396, appendix A, whose target and patch are objects.
    @pytest.mark.parametrize(
        ("target", "patch", "result"),
        [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_examples_of_the_standard(self, target, patch, result):
        assert merge_patched(target, patch) == result

    @given(OBJECTS, OBJECTS)
    def test_again_changes_nothing_and_the_target_stays(self, target, patch):
        before = orjson.dumps(target)
        once = merge_patched(target, patch)
        assert merge_patched(once, patch) == once
        assert orjson.dumps(target) == before


class TestAttributes:
    @given(OBJECTS)
    def test_what_passes_can_be_stored(self, attributes):
        try:
            check_attributes(attributes)
        except AttributesRefused:
            return
        text = orjson.dumps(attributes)
        assert b"\\u0000" not in text
        assert len(text) <= 8_192

    @pytest.mark.parametrize(
        "attributes",
        [
            {"a": {"b": {"c": []}}},
            {"a": [[{}]]},
            {"a": 2**63},
            {"a": math.inf},
            {"a": math.nan},
            {"a": "\x00"},
            {"\x00": 1},
            {"a": "\ud800"},
            {"a" * 101: 1},
            {str(n): n for n in range(51)},
            {"a": ["x" * 8_192]},
        ],
    )
    def test_what_cannot_is_refused(self, attributes):
        with pytest.raises(AttributesRefused):
            check_attributes(attributes)

    @pytest.mark.parametrize("attributes", [{}, {"a": {"b": [1]}}, {str(n): n for n in range(50)}, {"a": "x" * 8_000}])
    def test_what_is_within_the_limits_passes(self, attributes):
        check_attributes(attributes)


def test_a_birth_date_may_be_today_anywhere_on_earth():
    check_birth_date(date(2026, 3, 3), NOW.date())
    check_birth_date(None, NOW.date())
    with pytest.raises(BirthDateInFuture):
        check_birth_date(date(2026, 3, 4), NOW.date())


LINES = st.lists(
    st.fixed_dictionaries(
        {
            "sku": st.sampled_from("abc"),
            "quantity": st.integers(1, 9),
            "amount_minor": st.integers(0, 10**12),
            "category": st.none() | st.just("music"),
        }
    ),
    min_size=1,
    max_size=5,
)
REQUESTS = st.lists(
    st.fixed_dictionaries(
        {"sku": st.sampled_from("abcd"), "quantity": st.integers(1, 5), "amount_minor": st.none() | st.integers(0, 10**12)}
    ),
    min_size=1,
    max_size=4,
)


class TestReturns:
    @given(LINES, st.lists(REQUESTS, max_size=6))
    def test_never_more_comes_back_than_was_bought(self, bought, requests):
        returned: list[dict[str, Any]] = []
        for requested in [*requests, None]:
            try:
                returned += orders.lines_to_return(bought, returned, requested)
            except (ReturnExceedsOrder, SkuNotInOrder, NothingToReturn):
                continue
        for sku in "abc":
            for measure in ("quantity", "amount_minor"):
                came = sum(line[measure] for line in returned if line["sku"] == sku)
                assert 0 <= came <= sum(line[measure] for line in bought if line["sku"] == sku)

    @given(LINES, REQUESTS)
    def test_everything_left_leaves_no_piece(self, bought, requested):
        returned: list[dict[str, Any]] = []
        with suppress(ReturnExceedsOrder, SkuNotInOrder):
            returned += orders.lines_to_return(bought, [], requested)
        if orders.left_of(bought, returned):
            returned += orders.lines_to_return(bought, returned, None)
        assert orders.left_of(bought, returned) == {}
        with pytest.raises(NothingToReturn):
            orders.lines_to_return(bought, returned, None)

    @given(LINES, st.data())
    def test_piece_by_piece_gives_the_whole_money_back(self, bought, data):
        left = orders.left_of(bought, [])
        pieces = data.draw(st.permutations([sku for sku, each in left.items() for _ in range(each.quantity)]))
        returned: list[dict[str, Any]] = []
        for sku in pieces:
            returned += orders.lines_to_return(bought, returned, [{"sku": sku, "quantity": 1, "amount_minor": None}])
        assert orders.total_minor(returned) == orders.total_minor(bought)

    def test_the_category_is_that_of_the_articles_first_line(self):
        bought = [
            {"sku": "a", "quantity": 1, "amount_minor": 5, "category": "music"},
            {"sku": "a", "quantity": 1, "amount_minor": 7, "category": "film"},
        ]
        assert orders.lines_to_return(bought, [], None) == [{"sku": "a", "quantity": 2, "amount_minor": 12, "category": "music"}]


@pytest.mark.parametrize("moment", [orders.EARLIEST_ORDER - timedelta(microseconds=1), NOW + timedelta(days=1, microseconds=1)])
def test_moments_of_orders_out_of_bounds(moment):
    with pytest.raises(PlacedAtRefused):
        orders.check_placed_at(moment, NOW)
    with pytest.raises(ReturnedAtRefused):
        orders.check_returned_at(moment, orders.EARLIEST_ORDER, NOW)


@pytest.mark.parametrize("moment", [orders.EARLIEST_ORDER, NOW + timedelta(days=1)])
def test_moments_of_orders_within_bounds(moment):
    orders.check_placed_at(moment, NOW)
    orders.check_returned_at(moment, orders.EARLIEST_ORDER, NOW)
