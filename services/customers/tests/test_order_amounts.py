"""The amounts of an order: what adds up, what is shared out, and what is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_samples import LINE, ORDER

from customers.orders.amounts.rules import Given, amounts_of, shared_out
from customers.orders.errors import AmountsDiffer, RefundExceedsOrder
from customers.orders.rules import refund_of

minor = st.integers(0, 10**9)


class TestAmounts:
    @given(st.lists(minor, min_size=1, max_size=20), st.data())
    def test_shares_add_up_and_no_share_exceeds_its_line(self, weights, data):
        whole = data.draw(st.integers(0, sum(weights)))
        shares = shared_out(whole, weights)
        assert sum(shares) == whole
        assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
        exact = [Fraction(whole * weight, sum(weights) or 1) for weight in weights]
        assert all(abs(share - each) < 1 for share, each in zip(shares, exact, strict=True))

    @given(st.lists(minor, min_size=1, max_size=9), st.data(), minor, minor, st.booleans())
    def test_goods_shipping_and_tax_make_the_total(self, amounts, data, shipping, tax, included):
        discount = data.draw(st.none() | st.integers(0, sum(amounts)))
        lines = [{"sku": "A", "quantity": 1, "amount_minor": amount, "category": None} for amount in amounts]
        asked = Given(discount, shipping, min(tax, sum(amounts) - (discount or 0)) if included else tax, included)
        priced = amounts_of(lines, asked)
        assert priced.amount_minor == sum(line["amount_minor"] for line in priced.lines) == sum(amounts) - (discount or 0)
        assert priced.discount_minor == (discount or 0)
        assert priced.total_minor == priced.amount_minor + shipping + (0 if included else priced.tax_minor)
        # What was worked out is what would be accepted, and once accepted stays as it is.
        again = amounts_of(priced.lines, Given(priced.discount_minor, shipping, priced.tax_minor, included, priced.total_minor))
        assert again == priced

    @pytest.mark.parametrize(
        ("line", "asked", "pointer"),
        [
            ({"unit_price_minor": 1_000, "discount_minor": 1}, Given(), "/lines/0/amount_minor"),
            ({"discount_minor": 5}, Given(discount_minor=6), "/discount_minor"),
            ({}, Given(discount_minor=2_001), "/discount_minor"),
            ({"tax_minor": 20}, Given(tax_minor=19), "/tax_minor"),
            ({}, Given(tax_minor=2_001), "/tax_minor"),
            ({}, Given(total_minor=1_999), "/total_minor"),
            ({}, Given(tax_minor=100, tax_included=False, total_minor=2_000), "/total_minor"),
        ],
    )
    def test_what_does_not_add_up_is_named(self, line, asked, pointer):
        with pytest.raises(AmountsDiffer) as caught:
            amounts_of([LINE | line], asked)
        assert caught.value.pointer == pointer

    @given(minor, st.none() | minor, minor, minor)
    def test_never_more_is_refunded_than_was_paid(self, goods, wanted, before, paid):
        before = min(before, paid)
        if wanted is not None and wanted > paid - before:
            with pytest.raises(RefundExceedsOrder):
                refund_of(goods, wanted, before, paid)
        else:
            assert 0 <= refund_of(goods, wanted, before, paid) <= paid - before


async def test_all_amounts_are_kept_and_shown(client):
    sent = ORDER | {
        "lines": [
            LINE | {"unit_price_minor": 1_050, "discount_minor": 100, "tax_minor": 347},
            LINE | {"sku": "BOX", "amount_minor": 500},
        ],
        "shop": "riga-1",
        "status": "completed",
        "discount_minor": 100,
        "shipping_minor": 300,
        "tax_minor": 400,
        "tax_included": False,
        "total_minor": 3_200,
    }
    answer = await client.post("/v1/orders", json=sent)
    assert answer.status_code == 201, answer.text
    assert answer.json() | sent == answer.json()
    again = await client.post("/v1/orders", json=sent)
    assert (again.status_code, again.json()) == (200, answer.json())
    other = await client.post("/v1/orders", json=sent | {"shipping_minor": 301, "total_minor": 3_201})
    assert (other.status_code, other.json()["code"]) == (409, "order_differs")


async def test_a_discount_off_the_whole_is_shared_out_over_the_lines(client, published):
    lines = [LINE | {"amount_minor": 1_000}, LINE | {"sku": "B", "amount_minor": 2_000}]
    answer = await client.post("/v1/orders", json=ORDER | {"lines": lines, "discount_minor": 100})
    shown = answer.json()
    assert [(line["amount_minor"], line["discount_minor"]) for line in shown["lines"]] == [(967, 33), (1_933, 67)]
    assert (shown["amount_minor"], shown["discount_minor"], shown["total_minor"]) == (2_900, 100, 2_900)
    [(event, _)] = await published("order")
    assert event.amount_minor == sum(line.amount_minor for line in event.lines) == 2_900
    again = await client.post("/v1/orders", json=ORDER | {"lines": lines, "discount_minor": 100})
    assert (again.status_code, again.json()) == (200, shown)


async def test_amounts_that_do_not_add_up_are_refused_alone_and_in_a_batch(client, database):
    wrong = ORDER | {"total_minor": 1}
    answer = await client.post("/v1/orders", json=wrong)
    assert (answer.status_code, answer.json()["code"], answer.json()["expected_minor"]) == (422, "amounts_differ", 2_000)
    batch = (await client.post("/v1/orders/batch", json={"items": [wrong, ORDER]})).json()["results"]
    assert [result["status"] for result in batch] == [422, 201]
    assert batch[0]["problem"]["errors"][0]["pointer"] == "/total_minor"
