from pydantic import Field

from loyalty.fields import CustomerId
from loyalty.households.service import MAX_MEMBERS
from shared.http.schemas import InputModel, Moment, OutputModel


class HouseholdRequest(InputModel):
    """Members who are to spend together."""

    customer_ids: list[CustomerId] = Field(min_length=1, max_length=MAX_MEMBERS, description="Who they are.")


class JoinRequest(InputModel):
    """Who joins."""

    customer_id: CustomerId


class Household(OutputModel):
    """Members who spend together."""

    id: str = Field(description="The household, `hhd_…`.", examples=["hhd_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_ids: list[CustomerId] = Field(description="Who is in it now.")
    created_at: Moment = Field(description="Since when there is it.", examples=["2026-03-02T12:00:00Z"])
