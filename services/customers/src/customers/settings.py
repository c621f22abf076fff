"""Settings of the customers service: `CUSTOMERS_…` in the environment."""

from pydantic_settings import SettingsConfigDict

from shared.settings import CustomersKeysSettings


class CustomersSettings(CustomersKeysSettings):
    """What the service can be told."""

    model_config = SettingsConfigDict(env_prefix="CUSTOMERS_", extra="ignore", frozen=True)
