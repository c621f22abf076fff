from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class LoyaltySettings(ServiceSettings):
    """What the loyalty service can be told, by environment variables that begin with `LOYALTY_`."""

    model_config = SettingsConfigDict(env_prefix="LOYALTY_", extra="ignore", frozen=True)

    adjustment_limit: int = Field(default=1_000, ge=0, description="Points that one may give or take by hand without a second person.")
    apple_pass_type_id: str | None = Field(default=None, description="Pass type of Apple Wallet; without it passes come unsigned.")
    apple_team_id: str | None = Field(default=None, description="The team that the pass type belongs to.")
    apple_certificate_file: Path | None = Field(default=None, description="PEM file with the certificate of the pass type.")
    apple_key_file: Path | None = Field(default=None, description="PEM file with its key.")
    apple_intermediate_file: Path | None = Field(default=None, description="PEM file with Apple's intermediate certificate.")
    google_issuer_id: str | None = Field(default=None, description="Issuer of Google Wallet; without it passes come unsigned.")
    google_account: str | None = Field(default=None, description="Address of the service account that signs.")
    google_key_file: Path | None = Field(default=None, description="PEM file with its RSA key.")
