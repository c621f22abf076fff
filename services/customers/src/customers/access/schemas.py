"""Keys and tokens as the interface shows them."""

from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from pydantic import Field

from customers.fields import CustomerIdInBody
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText
from shared.http.scopes import ALL_SCOPES, Scope
from shared.http.tokens import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS

_Scopes = Annotated[
    list[Scope], Field(min_length=1, max_length=len(ALL_SCOPES), description="What it may do.", examples=[["orders:write"]])
]


class ApiKeyDraft(InputModel):
    """A server key to be issued."""

    name: ShortText = Field(description="What its owner calls it.", examples=["web shop"])
    scopes: _Scopes
    expires_at: MomentInput | None = Field(default=None, description="Never when absent.")


class ApiKey(OutputModel):
    """A server key, without its secret."""

    id: str = Field(description="Its public part.", examples=["0123456789abcdef"])
    name: str = Field(description="What its owner calls it.", examples=["web shop"])
    scopes: list[str] = Field(description="What it may do, sorted.", examples=[["orders:write"]])
    issued_at: Moment = Field(description="UTC.")
    expires_at: Moment | None = Field(description="UTC; never when null.")
    revoked_at: Moment | None = Field(description="UTC; it is live when null and not expired.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row of `access_keys`."""
        return cls(**row)


class NewApiKey(ApiKey):
    """A server key at the one moment when it is shown whole."""

    key: str = Field(description="The bearer credential; it cannot be shown again.", examples=["rk_0123456789abcdef_…"])


class MemberTokenDraft(InputModel):
    """A token to be minted for one customer."""

    customer_id: CustomerIdInBody
    ttl_seconds: int = Field(default=DEFAULT_LIFETIME_SECONDS, strict=True, ge=1, le=MAX_LIFETIME_SECONDS, description="How long it lives.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(ALL_SCOPES))] | None = Field(
        default=None, description="All that a member may have and the caller has, when absent."
    )


class MemberToken(OutputModel):
    """A bearer token with which a member reaches his own data."""

    token: str = Field(description="A JWT (RFC 7519), signed with Ed25519.")
    token_type: Literal["Bearer"] = Field(default="Bearer", description="The scheme of the header that carries it.")
    customer_id: str = Field(description="Whose data it opens.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    scopes: list[str] = Field(description="What it may do, sorted.", examples=[["loyalty:read"]])
    expires_at: Moment = Field(description="UTC.")


class KeySet(OutputModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]] = Field(description="Public keys of tokens.")
