from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from loyalty.expiry.rules import Kind, Unit
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel

TierCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
LeadDays = Annotated[int, Field(strict=True, ge=1, le=365)]


class ExpiryPolicyInput(InputModel):
    """When points end that are earned from a moment on."""

    kind: Kind = Field(
        description="never; rolling: so long after they were earned; calendar: at the end of a month, quarter or year; "
        "activity: so long after the member last earned, spent or ordered.",
        examples=["activity"],
    )
    unit: Unit | None = Field(default=None, description="What is counted; month, quarter or year for calendar.", examples=["month"])
    units: int | None = Field(
        strict=True, default=None, ge=0, le=3_660, description="How many; for calendar how many more after the current one.", examples=[6]
    )
    exempt_tiers: list[TierCode] = Field(
        default=[], max_length=20, description="Tiers in which activity is not needed; for activity only.", examples=[["gold"]]
    )
    reminder_days: list[LeadDays] = Field(
        default=[], max_length=5, description="So many days before points expire it is told.", examples=[[30, 7]]
    )
    effective_from: MomentInput | None = Field(
        default=None, description="Points earned from then on go by it; now when absent. Earlier only while nothing was earned since."
    )


class ExpiryPolicy(OutputModel):
    """When points end that are earned from a moment on."""

    version: int = Field(description="1 for the first.", examples=[1])
    kind: Kind = Field(description="never, rolling, calendar or activity.", examples=["activity"])
    unit: Unit | None = Field(description="What is counted.", examples=["month"])
    units: int | None = Field(description="How many.", examples=[6])
    zone: str = Field(description="By whose midnights; the programme's zone when the policy was made.", examples=["Europe/Riga"])
    exempt_tiers: list[str] = Field(description="Tiers in which activity is not needed.", examples=[["gold"]])
    reminder_days: list[int] = Field(description="So many days before points expire it is told.", examples=[[30, 7]])
    effective_from: Moment = Field(description="Points earned from then on go by it.", examples=["2026-03-10T00:00:00Z"])


class ExpiryPolicies(OutputModel):
    """The policies of a programme; without one nothing expires but what says so itself."""

    current: ExpiryPolicy | None = Field(description="The one by which points go that are earned now.")
    versions: list[ExpiryPolicy] = Field(description="All of them, the one that begins last first; at most the last hundred.")


class Expiration(OutputModel):
    """Points that expire on a day unless they are spent, or activity puts it off."""

    wallet: str = Field(description="The wallet.", examples=["points"])
    expires_at: Moment = Field(description="The instant from which they count no more.", examples=["2027-03-31T21:00:00Z"])
    last_day: date = Field(description="The last day on which they count, by the programme's zone.", examples=["2027-03-31"])
    points: int = Field(description="How many, what is held included.", examples=[120])
    extendable: int = Field(description="How many of them stay longer when the member earns, spends or orders before.", examples=[120])


class ExpiringDay(OutputModel):
    """What expires in a day or month."""

    starts_on: date = Field(description="The day, or the first of the month, on which they count no more.", examples=["2027-04-01"])
    wallet: str = Field(description="The wallet.", examples=["points"])
    points: int = Field(description="How many points.", examples=[12_400])
    extendable: int = Field(description="How many of them stay longer where members are active before.", examples=[12_400])
    members: int = Field(description="Of how many members.", examples=[310])


class ExpiringDays(OutputModel):
    """What of a programme's points expires when, as things are now."""

    data: list[ExpiringDay]
