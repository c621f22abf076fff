from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from loyalty.discounts.schemas import DiscountScale
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

RefundPolicy = Literal["only_pending", "within_balance", "allow_negative"]


def _known_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise PydanticCustomError("zone_unknown", "There is no such time zone.")
    return zone


Zone = Annotated[ShortText, AfterValidator(_known_zone)]


class EarningRate(OutputModel):
    """How much money earns how many points: an amount times numerator, divided by denominator, rounded down."""

    version: int = Field(description="1 for the first.", examples=[1])
    numerator: int = Field(description="Points …", examples=[1])
    denominator: int = Field(description="… for so many minor units of money.", examples=[100])
    effective_from: Moment = Field(description="Orders placed from then on earn by it.", examples=["2026-01-01T00:00:00Z"])


class Programme(OutputModel):
    """A programme and what it gives."""

    id: str = Field(description="The programme, `prg_…`.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str = Field(description="What people call it.", examples=["Regulars"])
    zone: str = Field(description="IANA time zone by which its days, weeks and months are told apart.", examples=["Europe/Riga"])
    refund_policy: RefundPolicy = Field(description="What a return does about points that are gone.", examples=["allow_negative"])
    discount: DiscountScale | None = Field(description="Its accumulating discount.")
    rates: list[EarningRate] = Field(description="Its rates, newest first; an order keeps the rate of its day.")


class ProgrammePatch(InputModel):
    """What may be changed of a programme."""

    name: ShortText = Field(default="", description="What people call it.", examples=["Regulars"])
    zone: Zone = Field(
        default="UTC", description="IANA time zone; limits of rules that began by another one stay as they are.", examples=["Europe/Riga"]
    )
    refund_policy: RefundPolicy = Field(
        default="allow_negative",
        description="What a return does about points that are gone: nothing, take what else there is, or let him owe them.",
        examples=["within_balance"],
    )
    discount: DiscountScale | None = Field(default=None, description="The accumulating discount; null ends it.")
