"""Settings of the customers service: `CUSTOMERS_…` in the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CustomersKeysSettings


class CustomersSettings(CustomersKeysSettings):
    """What the service can be told."""

    model_config = SettingsConfigDict(env_prefix="CUSTOMERS_", extra="ignore", frozen=True)
    import_max_bytes: int = Field(default=10_737_418_240, ge=1_024, description="Largest file that is imported, in bytes.")
    import_retention_days: int = Field(
        default=7, ge=1, le=365, description="How long a previewed file and the errors of an import are kept."
    )
    export_retention_hours: int = Field(default=24, ge=1, le=720, description="How long the file of an export can be downloaded.")
    access_export_days: int = Field(default=30, ge=1, le=365, description="How long the archive of an access export is kept.")
