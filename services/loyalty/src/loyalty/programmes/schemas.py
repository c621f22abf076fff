from pydantic import Field

from shared.http.schemas import Moment, OutputModel


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
    rates: list[EarningRate] = Field(description="Its rates, newest first; an order keeps the rate of its day.")
