"""What every service answers when a customer wants to be forgotten or wants to see his data: one shape, one event type a service."""

from datetime import datetime

from pydantic import BaseModel, Field


class ErasureConfirmed(BaseModel):
    """What a service knew of a customer is erased."""

    receipt_id: str = Field(description="The receipt, `rcp_…`.")
    erasure_id: str = Field(description="The erasure that it answers, `era_…`.")
    customer_id: str = Field(description="The customer of the erasure, `cus_…`.")
    erased: dict[str, int] = Field(description="Rows erased or made nameless, by kind of record.")
    erased_at: datetime = Field(description="UTC.")
    receipt: str = Field(description="The same as a compact JWS (EdDSA), signed by the service.")
    jwk: dict[str, str] = Field(description="The public key to verify it with, as a JSON Web Key.")


class DataProvided(BaseModel):
    """A piece of what a service keeps of a customer, sealed so that only who asked can open it."""

    part_id: str = Field(description="The piece, `axd_…`.")
    export_id: str = Field(description="The access export that it answers, `axp_…`.")
    customer_id: str = Field(description="The customer, `cus_…`.")
    number: int = Field(description="Its place among the service's pieces, from 1.")
    of: int = Field(description="How many pieces the service sends.")
    sealed: str = Field(description="The piece, sealed with the request's public key; base64url, at most 256 KiB.")
    sha256: str = Field(description="SHA-256 of the piece before it was sealed, hexadecimal.")
    provided_at: datetime = Field(description="UTC.")
