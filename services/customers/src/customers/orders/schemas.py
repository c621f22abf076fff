"""Orders and returns as the interface shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from customers.fields import CurrencyCode, CustomerIdInBody
from customers.orders.amounts.rules import Amounts, Given, amounts_of
from shared.http.schemas import ExternalId, InputModel, Moment, MomentInput, OutputModel

if TYPE_CHECKING:
    from customers.orders.repository import StoredOrder

MAX_LINES = 500
MAX_AMOUNT_MINOR = 10**12
MAX_QUANTITY = 10**6
MAX_TOTAL_MINOR = 10**15

_Sku = Annotated[
    str, StringConstraints(min_length=1, max_length=100), Field(description="The seller's article number.", examples=["CD-0815"])
]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Quantity = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY, description="Pieces.", examples=[2])]
_Minor = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT_MINOR, examples=[2_598])]
_Sum = Annotated[int, Field(strict=True, ge=0, le=MAX_TOTAL_MINOR, examples=[2_598])]
_Amount = Annotated[_Minor, Field(description="Total of the line in minor units of the currency, after its discount.")]

Status = Literal["placed", "paid", "shipped", "delivered", "completed", "cancelled"]
OpenStatus = Literal["placed", "paid", "shipped", "delivered", "completed"]
_DISCOUNT = "Taken off the goods, in minor units: the lines' discounts together, or where no line has one shared out over the lines."
_TAX = "Tax in minor units: at least that of the lines; what is more is the tax of the shipping."
_INCLUDED = "Whether the amounts hold the tax; else it comes on top."
_TOTAL = "What the customer pays: goods and shipping, and the tax where it is not included."


class OrderLine(InputModel):
    """One article of an order."""

    sku: _Sku
    quantity: _Quantity
    amount_minor: _Amount
    category: _Text | None = Field(default=None, description="The seller's category.", examples=["music"])
    unit_price_minor: _Minor | None = Field(default=None, description="Price of a piece; times pieces less discount it makes the amount.")
    discount_minor: _Minor | None = Field(default=None, description="Taken off this line, in minor units; the amount is what is left.")
    tax_minor: _Minor | None = Field(default=None, description="Tax of this line in minor units.")


class OrderContent(InputModel):
    """What an order holds beside its customer."""

    channel: _Text | None = Field(default=None, description="Where it was placed.", examples=["web"])
    shop: _Text | None = Field(default=None, description="The seller's id of the shop or site.", examples=["riga-1"])
    lines: list[OrderLine] = Field(min_length=1, max_length=MAX_LINES)
    discount_minor: _Sum | None = Field(default=None, description=_DISCOUNT)
    shipping_minor: _Minor | None = Field(default=None, description="What the way costs the customer, in minor units.")
    tax_minor: _Sum | None = Field(default=None, description=_TAX)
    tax_included: bool = Field(default=True, strict=True, description=_INCLUDED)
    total_minor: _Sum | None = Field(default=None, description=_TOTAL + " Refused when it is not that; worked out when absent.")


class OrderDraft(OrderContent):
    """An order to be recorded, for a customer named by either of his ids."""

    external_id: ExternalId | None = Field(default=None, description="The same order sent again under it changes nothing.")
    customer_id: CustomerIdInBody | None = None
    customer_external_id: ExternalId | None = Field(
        default=None, description="The caller's id of the customer, who is made when unknown; a later upsert completes him."
    )
    placed_at: MomentInput = Field(description="1970 or later, not in the future.", examples=["2026-02-28T18:05:00Z"])
    currency: CurrencyCode
    status: OpenStatus = Field(default="placed", description="How far it had come when it was recorded.")

    @model_validator(mode="after")
    def _has_one_customer(self) -> Self:
        if (self.customer_id is None) == (self.customer_external_id is None):
            raise PydanticCustomError("customer_ambiguous", "Name the customer by either customer_id or customer_external_id.")
        return self


ORDER = TypeAdapter(OrderDraft)


class OrderCorrection(OrderContent):
    """What an order should have been; what is absent stays as it was, but for the lines and their amounts."""

    external_id: ExternalId | None = Field(default=None, description="Of the new order; the same sent again under it changes nothing.")
    placed_at: MomentInput | None = Field(default=None, description="As before when absent.", examples=["2026-02-28T18:05:00Z"])
    currency: CurrencyCode | None = Field(default=None, description="As before when absent.")


class OrderStep(InputModel):
    """A step of an order on its way."""

    status: Status = Field(description="Where it is now.", examples=["shipped"])
    changed_at: MomentInput | None = Field(default=None, description="Now when absent.", examples=["2026-03-01T10:00:00Z"])


class OrderPatch(InputModel):
    """A change of an order: its status."""

    status: Status = Field(description="Where it is now.", examples=["shipped"])


class OrderCancellation(InputModel):
    """That an order counts no more."""

    cancelled_at: MomentInput | None = Field(default=None, description="Now when absent.", examples=["2026-03-01T10:00:00Z"])


class ReturnLine(InputModel):
    """Some pieces of one article that come back."""

    sku: _Sku
    quantity: _Quantity
    amount_minor: _Amount | None = Field(default=None, description="Money given back; the pieces' even share when absent.")


class ReturnDraft(InputModel):
    """What comes back of an order."""

    external_id: ExternalId | None = Field(default=None, description="The same return sent again under it changes nothing.")
    returned_at: MomentInput | None = Field(default=None, description="Now when absent.", examples=["2026-03-01T10:00:00Z"])
    lines: list[ReturnLine] | None = Field(default=None, min_length=1, max_length=MAX_LINES, description="Everything left when absent.")
    refund_minor: _Sum | None = Field(
        default=None,
        description="Money given back: the goods, when absent; less where a fee is kept, more where shipping is.",
    )


RefundReason = Literal["price_reduction", "goodwill", "other"]


class RefundDraft(InputModel):
    """Money that is given back while the goods stay with the customer."""

    external_id: ExternalId | None = Field(default=None, description="The same refund sent again under it changes nothing.")
    refunded_at: MomentInput | None = Field(default=None, description="Now when absent.", examples=["2026-03-01T10:00:00Z"])
    refund_minor: Annotated[_Sum, Field(ge=1)] = Field(description="Money given back, in minor units.", examples=[500])
    goods_minor: _Sum | None = Field(
        default=None,
        description="How much of it lowers what the goods cost, and with it points and net revenue; when absent as much as is left of "
        "them, and 0 for a refund of shipping.",
        examples=[500],
    )
    sku: _Sku | None = Field(default=None, description="The one article that it is for; all in proportion when absent.")
    reason: RefundReason = Field(default="other", description="Why.", examples=["price_reduction"])

    @model_validator(mode="after")
    def _is_no_less_than_its_goods(self) -> Self:
        if self.goods_minor is not None and self.goods_minor > self.refund_minor:
            raise PydanticCustomError("goods_exceed_refund", "The part for the goods is at most the refund.")
        return self


def _is_none(value: object) -> bool:
    return value is None


class Line(OutputModel):
    """One article of an order or of a return."""

    sku: str = Field(description="The seller's article number.", examples=["CD-0815"])
    quantity: int = Field(description="Pieces; 0 in a refund.", examples=[2])
    amount_minor: int = Field(description="Total of the line in minor units.", examples=[2_598])
    category: str | None = Field(description="The seller's category.", examples=["music"])
    unit_price_minor: int | None = Field(default=None, description="Price of a piece, when told.", exclude_if=_is_none)
    discount_minor: int | None = Field(default=None, description="Taken off this line, when told or shared out.", exclude_if=_is_none)
    tax_minor: int | None = Field(default=None, description="Tax of this line, when told.", exclude_if=_is_none)


class Step(OutputModel):
    """A status of an order."""

    status: Status = Field(description="Where it was.", examples=["shipped"])
    at: Moment = Field(description="Since when, UTC.")


class Return(OutputModel):
    """What came back of an order at one time: goods, or money alone."""

    id: str = Field(description="`ret_…`", examples=["ret_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    order_id: str = Field(description="The order.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    external_id: str | None = Field(description="The caller's own identifier.")
    kind: Literal["return", "refund"] = Field(description="refund where money went back and no goods.", examples=["return"])
    reason: RefundReason | None = Field(description="Why, of a refund.", examples=[None])
    returned_at: Moment = Field(description="When it came back, UTC.")
    amount_minor: int = Field(description="Sum of the lines in minor units.", examples=[2_598])
    refund_minor: int = Field(description="Money given back for it in minor units.", examples=[2_598])
    lines: list[Line] = Field(description="What came back; of a refund by how much it lowers what articles cost, with no pieces.")
    created_at: Moment = Field(description="When it was recorded, UTC.")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return what is shown of a return; `values` has the fields of this class, moments also as text of Postgres."""
        shown = dict(values)
        for name in ("returned_at", "created_at"):
            if isinstance(shown[name], str):
                shown[name] = datetime.fromisoformat(shown[name])
        shown["lines"] = _lines(shown["lines"])
        return cls.model_construct(**shown)


class Order(OutputModel):
    """An order with all of its returns."""

    id: str = Field(description="Stays the same for ever.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    external_id: str | None = Field(description="The caller's own identifier.", examples=["O-2026-118"])
    customer_id: str | None = Field(description="The customer; null once he was erased.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_external_id: str | None = Field(description="The caller's own identifier of the customer, as it is now.")
    placed_at: Moment = Field(description="When the customer placed it, UTC; of an erased customer only the day.")
    currency: str = Field(description="ISO 4217 code of all amounts.", examples=["EUR"])
    channel: str | None = Field(description="Where it was placed.", examples=["web"])
    shop: str | None = Field(description="The seller's id of the shop or site.", examples=["riga-1"])
    status: Status = Field(description="Where it is on its way.", examples=["placed"])
    history: list[Step] = Field(description="Every status it had, in their order.")
    amount_minor: int = Field(description="Sum of the lines in minor units: the goods after all discounts.", examples=[2_598])
    discount_minor: int = Field(description="Sum of the lines' discounts in minor units.", examples=[0])
    shipping_minor: int = Field(description="What the way costs the customer, in minor units.", examples=[0])
    tax_minor: int = Field(description=_TAX, examples=[0])
    tax_included: bool = Field(description=_INCLUDED)
    total_minor: int = Field(description=_TOTAL, examples=[2_598])
    returned_total_minor: int = Field(description="Sum of all returns in minor units.", examples=[0])
    refunded_total_minor: int = Field(description="Money given back for all returns in minor units.", examples=[0])
    corrects: str | None = Field(description="The cancelled order in whose stead this one stands.")
    replaced_by: str | None = Field(description="The order that stands in the stead of this cancelled one.")
    lines: list[Line] = Field(description="What was bought.")
    returns: list[Return] = Field(description="What came back, in the order it came.")
    created_at: Moment = Field(description="When it was recorded, UTC.")

    @classmethod
    def of(cls, stored: "StoredOrder") -> Self:
        """Return what is shown of a stored order."""
        values = stored._asdict()
        del values["version"]
        values["lines"] = _lines(stored.lines)
        values["history"] = _steps(stored)
        values["returns"] = [Return.of(each) for each in stored.returns]
        return cls.model_construct(**values)


def _lines(lines: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [Line.model_construct(**line) for line in lines]


def _steps(stored: "StoredOrder") -> list[Step]:
    """Return every status: that of the placing is the one which the first step left."""
    first = stored.history[0]["previous"] if stored.history else stored.status
    steps = [Step.model_construct(status=first, at=stored.placed_at)]
    steps += [Step.model_construct(status=each["status"], at=datetime.fromisoformat(each["at"])) for each in stored.history]
    return steps


# What is stored of a line only where it was told.
_TOLD = ("unit_price_minor", "discount_minor", "tax_minor")


def data_of(content: OrderContent) -> list[dict[str, Any]]:
    """Return the lines as they are sent, in the form that is stored."""
    return [_line_data(line) for line in content.lines]


def _line_data(line: OrderLine) -> dict[str, Any]:
    data = dict(vars(line))
    for name in _TOLD:
        if data[name] is None:
            del data[name]
    return data


def priced(content: OrderContent) -> Amounts:
    """Return the amounts of an order.

    Raises:
        AmountsDiffer: what was sent does not add up.
    """
    given = Given(content.discount_minor, content.shipping_minor, content.tax_minor, content.tax_included, content.total_minor)
    return amounts_of(data_of(content), given)
