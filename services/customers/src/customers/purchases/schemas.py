"""What customers bought, as the interface shows it."""

from pydantic import Field

from shared.http.schemas import Moment, OutputModel

_INTERVAL = "Median of the days between purchases; several orders of a day are one. Null before the second purchase."
_EXPECTED = "The last purchase and the usual interval; null without one."


class CurrencySums(OutputModel):
    """What was bought in one currency; cancelled orders do not count."""

    currency: str = Field(description="ISO 4217 code.", examples=["EUR"])
    orders: int = Field(description="Orders that stand.", examples=[7])
    goods_minor: int = Field(description="Goods that were bought, after discounts.", examples=[12_500])
    returned_minor: int = Field(description="Goods that came back.", examples=[1_000])
    net_minor: int = Field(description="Goods that were kept.", examples=[11_500])
    paid_minor: int = Field(description="What was paid with shipping and tax, less refunds.", examples=[11_900])


class PurchaseSummary(OutputModel):
    """When and how much a customer buys, over all of his records."""

    orders: int = Field(description="Orders that stand.", examples=[7])
    cancelled: int = Field(description="Orders that were cancelled or corrected.", examples=[1])
    first_at: Moment | None = Field(description="His first purchase, UTC.")
    last_at: Moment | None = Field(description="His last purchase, UTC.")
    usual_interval_days: float | None = Field(description=_INTERVAL, examples=[30.5])
    next_expected_at: Moment | None = Field(description=_EXPECTED)
    currencies: list[CurrencySums] = Field(description="Sums by currency, the most used first.")


class _Bought(OutputModel):
    orders: int = Field(description="Orders with it, of which something was kept.", examples=[4])
    quantity: int = Field(description="Pieces kept.", examples=[9])
    average_quantity: float = Field(description="Pieces kept an order.", examples=[2.25])
    first_at: Moment = Field(description="First bought, UTC.")
    last_at: Moment = Field(description="Last bought, UTC.")
    usual_interval_days: float | None = Field(description=_INTERVAL, examples=[30.5])
    next_expected_at: Moment | None = Field(description=_EXPECTED)
    net_minor: dict[str, int] = Field(description="Money for what was kept, in minor units by currency.", examples=[{"EUR": 11_500}])


class CategoryBought(_Bought):
    """A category and how the customer buys of it."""

    category: str = Field(description="The seller's category.", examples=["music"])


class ArticleBought(_Bought):
    """An article and how the customer buys it."""

    sku: str = Field(description="The seller's article number.", examples=["CD-0815"])
    category: str | None = Field(description="Its category when last bought.", examples=["music"])


class CategoriesBought(OutputModel):
    """What a customer buys, by category."""

    data: list[CategoryBought] = Field(description="In the order that was asked for.")


class ArticlesBought(OutputModel):
    """What a customer buys, by article."""

    data: list[ArticleBought] = Field(description="In the order that was asked for.")
