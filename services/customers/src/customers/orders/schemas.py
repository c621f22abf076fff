"""Orders and returns as the interface shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from customers.fields import CurrencyCode, CustomerIdInBody
from shared.http.schemas import ExternalId, InputModel, Moment, MomentInput, OutputModel

if TYPE_CHECKING:
    from customers.orders.repository import StoredOrder

MAX_LINES = 500
MAX_AMOUNT_MINOR = 10**12
MAX_QUANTITY = 10**6

_Sku = Annotated[
    str, StringConstraints(min_length=1, max_length=100), Field(description="The seller's article number.", examples=["CD-0815"])
]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Quantity = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY, description="Pieces.", examples=[2])]
_Amount = Annotated[
    int, Field(strict=True, ge=0, le=MAX_AMOUNT_MINOR, description="Total of the line in minor units of the currency.", examples=[2_598])
]


class OrderLine(InputModel):
    """One article of an order."""

    sku: _Sku
    quantity: _Quantity
    amount_minor: _Amount
    category: _Text | None = Field(default=None, description="The seller's category.", examples=["music"])


class OrderDraft(InputModel):
    """An order to be recorded, for a customer named by either of his ids."""

    external_id: ExternalId | None = Field(default=None, description="The same order sent again under it changes nothing.")
    customer_id: CustomerIdInBody | None = None
    customer_external_id: ExternalId | None = Field(
        default=None, description="The caller's id of the customer, who is made when unknown; a later upsert completes him."
    )
    placed_at: MomentInput = Field(description="1970 or later, not in the future.", examples=["2026-02-28T18:05:00Z"])
    currency: CurrencyCode
    channel: _Text | None = Field(default=None, description="Where it was placed.", examples=["web"])
    lines: list[OrderLine] = Field(min_length=1, max_length=MAX_LINES)

    @model_validator(mode="after")
    def _has_one_customer(self) -> Self:
        if (self.customer_id is None) == (self.customer_external_id is None):
            raise PydanticCustomError("customer_ambiguous", "Name the customer by either customer_id or customer_external_id.")
        return self


ORDER = TypeAdapter(OrderDraft)


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


class Line(OutputModel):
    """One article of an order or of a return."""

    sku: str = Field(description="The seller's article number.", examples=["CD-0815"])
    quantity: int = Field(description="Pieces.", examples=[2])
    amount_minor: int = Field(description="Total of the line in minor units.", examples=[2_598])
    category: str | None = Field(description="The seller's category.", examples=["music"])


class Return(OutputModel):
    """What came back of an order at one time."""

    id: str = Field(description="`ret_…`", examples=["ret_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    order_id: str = Field(description="The order.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    external_id: str | None = Field(description="The caller's own identifier.")
    returned_at: Moment = Field(description="When it came back, UTC.")
    amount_minor: int = Field(description="Sum of the lines in minor units.", examples=[2_598])
    lines: list[Line] = Field(description="What came back.")
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
    customer_id: str = Field(description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_external_id: str | None = Field(description="The caller's own identifier of the customer, as it is now.")
    placed_at: Moment = Field(description="When the customer placed it, UTC.")
    currency: str = Field(description="ISO 4217 code of all amounts.", examples=["EUR"])
    channel: str | None = Field(description="Where it was placed.", examples=["web"])
    amount_minor: int = Field(description="Sum of the lines in minor units.", examples=[2_598])
    returned_total_minor: int = Field(description="Sum of all returns in minor units.", examples=[0])
    lines: list[Line] = Field(description="What was bought.")
    returns: list[Return] = Field(description="What came back, in the order it came.")
    created_at: Moment = Field(description="When it was recorded, UTC.")

    @classmethod
    def of(cls, stored: "StoredOrder") -> Self:
        """Return what is shown of a stored order."""
        values = stored._asdict()
        del values["version"]
        values["lines"] = _lines(stored.lines)
        values["returns"] = [Return.of(each) for each in stored.returns]
        return cls.model_construct(**values)


def _lines(lines: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [Line.model_construct(**line) for line in lines]


def data_of(draft: OrderDraft) -> list[dict[str, Any]]:
    """Return the lines of a draft as they are stored."""
    return [vars(line) for line in draft.lines]
