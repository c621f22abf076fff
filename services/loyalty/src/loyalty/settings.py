from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class LoyaltySettings(ServiceSettings):
    """What the loyalty service can be told, by environment variables that begin with `LOYALTY_`."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", extra="ignore", frozen=True)

    adjustment_limit: int = Field(default=1_000, ge=0, description="Points that one may give or take by hand without a second person.")
