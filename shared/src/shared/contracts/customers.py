"""What the customers service tells: who exists, what they bought, and which keys open the doors."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Event

CustomerId = Annotated[str, Field(description="The customer, `cus_…`.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
OrderId = Annotated[str, Field(description="The order, `ord_…`.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
Currency = Annotated[str, Field(description="ISO 4217 code of all amounts.", pattern="^[A-Z]{3}$", examples=["EUR"])]


class CustomerRegistered(Event, type="regulars.customers.customer_registered.v1", aggregate="customer", aggregate_id="customer_id"):
    """A customer exists from now on."""

    customer_id: CustomerId
    kind: str = Field(description="individual or organisation; more may come.")
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2 code.")
    language: str | None = Field(default=None, description="BCP 47 tag.")
    registered_at: datetime = Field(description="When the record was made, UTC.")


class CustomerUpdated(Event, type="regulars.customers.customer_updated.v1", aggregate="customer", aggregate_id="customer_id"):
    """Fields of a customer changed; personal values stay at home, their names travel."""

    customer_id: CustomerId
    changed: list[str] = Field(description="Names of the fields that changed, sorted.")
    kind: str = Field(description="individual or organisation, after the change; more may come.")
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2 code, after the change.")
    language: str | None = Field(default=None, description="BCP 47 tag, after the change.")
    updated_at: datetime = Field(description="When it changed, UTC.")


class Line(BaseModel):
    """One article of an order or of a return."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: str = Field(description="The seller's article number.")
    quantity: int = Field(description="Pieces, at least 1.")
    amount_minor: int = Field(description="Total of the line in minor units of the currency.")
    category: str | None = Field(default=None, description="The seller's category.")


class OrderPlaced(Event, type="regulars.customers.order_placed.v1", aggregate="order", aggregate_id="order_id", key="customer_id"):
    """A customer bought something."""

    order_id: OrderId
    customer_id: CustomerId
    placed_at: datetime = Field(description="When the customer placed the order, UTC; may lie years back.")
    currency: Currency
    amount_minor: int = Field(description="Sum of the lines in minor units.")
    channel: str | None = Field(default=None, description="Where it was placed, such as web, app or shop.")
    lines: list[Line] = Field(description="At least one.")


class OrderReturned(Event, type="regulars.customers.order_returned.v1", aggregate="order", aggregate_id="order_id", key="customer_id"):
    """Some or all of an order came back; several returns of one order add up to at most the order."""

    return_id: str = Field(description="The return, `ret_…`.")
    order_id: OrderId
    customer_id: CustomerId
    placed_at: datetime = Field(description="When the order was placed, UTC.")
    returned_at: datetime = Field(description="When it came back, UTC.")
    currency: Currency
    amount_minor: int = Field(description="Sum of the returned lines in minor units.")
    order_amount_minor: int = Field(description="Sum of the whole order in minor units.")
    returned_total_minor: int = Field(description="Sum of all returns of the order so far, this one included.")
    lines: list[Line] = Field(description="What came back.")


class ApiKeyIssued(Event, type="regulars.customers.api_key_issued.v1", aggregate="api_key", aggregate_id="key_id"):
    """A server key opens doors from now on; only its hash travels."""

    key_id: str = Field(description="The public part of the key.")
    secret_sha256: str = Field(description="SHA-256 of the whole key, hexadecimal.")
    name: str = Field(description="What its owner calls it.")
    scopes: list[str] = Field(description="What it may do, sorted.")
    issued_at: datetime = Field(description="UTC.")
    expires_at: datetime | None = Field(default=None, description="UTC; never when absent.")


class ApiKeyRevoked(Event, type="regulars.customers.api_key_revoked.v1", aggregate="api_key", aggregate_id="key_id"):
    """A server key opens nothing any more."""

    key_id: str = Field(description="The public part of the key.")
    revoked_at: datetime = Field(description="UTC.")


class SigningKeyPublished(Event, type="regulars.customers.signing_key_published.v1", aggregate="signing_key", aggregate_id="kid"):
    """Tokens that carry this key id can be verified with this public key."""

    kid: str = Field(description="Key id: the RFC 7638 thumbprint of the public key.")
    jwk: dict[str, str] = Field(description="The public key as a JSON Web Key.")
    published_at: datetime = Field(description="UTC.")
