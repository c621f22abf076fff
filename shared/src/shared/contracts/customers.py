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
    quantity: int = Field(description="Pieces, at least 1; 0 in a return of kind refund, which lowers what they cost.")
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
    shop: str | None = Field(default=None, description="The seller's id of the shop or site.")
    corrects: str | None = Field(default=None, description="The cancelled order in whose stead this one stands, when it is a correction.")
    lines: list[Line] = Field(description="At least one.")


class OrderReturned(Event, type="regulars.customers.order_returned.v1", aggregate="order", aggregate_id="order_id", key="customer_id"):
    """Some or all of an order came back, or money alone; several returns of one order add up to at most the order."""

    return_id: str = Field(description="The return, `ret_…`.")
    order_id: OrderId
    customer_id: CustomerId
    placed_at: datetime = Field(description="When the order was placed, UTC.")
    returned_at: datetime = Field(description="When it came back, UTC.")
    currency: Currency
    amount_minor: int = Field(description="Sum of the returned lines in minor units.")
    order_amount_minor: int = Field(description="Sum of the whole order in minor units.")
    returned_total_minor: int = Field(description="Sum of all returns of the order so far, this one included.")
    kind: str = Field(default="return", description="return, or refund when money went back and no goods; more may come.")
    lines: list[Line] = Field(description="What came back; none when a refund takes nothing off the goods.")


class OrderCancelled(Event, type="regulars.customers.order_cancelled.v1", aggregate="order", aggregate_id="order_id", key="customer_id"):
    """An order counts no more, as if it had never been placed; a correction cancels it and places another."""

    order_id: OrderId
    customer_id: CustomerId
    placed_at: datetime = Field(description="When the order was placed, UTC.")
    cancelled_at: datetime = Field(description="UTC.")
    reason: str = Field(description="cancelled or corrected; more may come.")
    currency: Currency
    order_amount_minor: int = Field(description="Sum of the whole order in minor units.")
    returned_total_minor: int = Field(description="Sum of all its returns before, in minor units.")
    replaced_by: str | None = Field(default=None, description="The order placed in its stead, when it was corrected.")


class OrderStatusChanged(
    Event, type="regulars.customers.order_status_changed.v1", aggregate="order", aggregate_id="order_id", key="customer_id"
):
    """An order went a step on its way."""

    order_id: OrderId
    customer_id: CustomerId
    status: str = Field(description="placed, paid, shipped, delivered, completed or cancelled; more may come.")
    previous: str = Field(description="The status before.")
    changed_at: datetime = Field(description="UTC.")


class CustomerMerged(Event, type="regulars.customers.customer_merged.v1", aggregate="customer_link", aggregate_id="merged_id"):
    """One customer turned out to be another: a link from now on, until it is undone; nothing moves and nothing is deleted."""

    merge_id: str = Field(description="The merge, `mrg_…`.")
    survivor_id: str = Field(description="The customer whom the other now belongs to, `cus_…`; may belong to a third later.")
    merged_id: str = Field(description="The customer who belongs to him now, `cus_…`; his id resolves to the survivor.")
    merged_at: datetime = Field(description="UTC.")


class CustomerUnmerged(Event, type="regulars.customers.customer_unmerged.v1", aggregate="customer_link", aggregate_id="merged_id"):
    """A merge is undone: both customers are their own again."""

    merge_id: str = Field(description="The merge that is undone, `mrg_…`.")
    survivor_id: str = Field(description="The customer whom the other belonged to.")
    merged_id: str = Field(description="The customer who is his own again, with all who belong to him.")
    unmerged_at: datetime = Field(description="UTC.")


class StageChanged(Event, type="regulars.customers.stage_changed.v1", aggregate="customer_stage", aggregate_id="customer_id"):
    """A customer moved on his lifecycle or on his journey; he may go back."""

    customer_id: CustomerId
    track: str = Field(description="lifecycle or journey; more may come.")
    stage: str = Field(description="The stage entered, such as retained or purchase.")
    previous: str | None = Field(default=None, description="The stage left.")
    reason: str = Field(description="What moved him: the name of a rule, or manual.")
    changed_at: datetime = Field(description="UTC.")


class ConsentChanged(
    Event, type="regulars.customers.consent_changed.v1", aggregate="consent", aggregate_id="consent_id", key="customer_id"
):
    """A customer gave or withdrew his consent to be addressed for a purpose through a channel."""

    consent_id: str = Field(description="The consent of one customer, purpose and channel, `con_…`.")
    customer_id: CustomerId
    purpose: str = Field(description="What for, such as marketing.")
    channel: str = Field(description="Through what, such as email.")
    granted: bool = Field(description="Whether he may be addressed; false while a double opt-in waits for its second step.")
    changed_at: datetime = Field(description="UTC.")


class InteractionRecorded(
    Event,
    type="regulars.customers.interaction_recorded.v1",
    aggregate="interaction",
    aggregate_id="interaction_id",
    key="customer_id",
):
    """A customer and the company met: a visit, a call, a message; what was said stays at home."""

    interaction_id: str = Field(description="The interaction, `itr_…`.")
    customer_id: CustomerId
    kind: str = Field(description="Such as visit, call, email, chat or page_view.")
    channel: str | None = Field(default=None, description="Such as web, app, shop, phone, email, chat or social.")
    direction: str | None = Field(default=None, description="inbound or outbound.")
    journey_stage: str | None = Field(default=None, description="Where on the journey it happened, such as decision.")
    sentiment: str | None = Field(default=None, description="negative, neutral or positive, when known.")
    occurred_at: datetime = Field(description="UTC.")


class SegmentMembershipChanged(
    Event,
    type="regulars.customers.segment_membership_changed.v1",
    aggregate="segment_membership",
    aggregate_id="membership_id",
    key="customer_id",
):
    """A customer entered a segment or left it; each event tells the whole stay, so that none needs the one before it."""

    membership_id: str = Field(description="The membership of one customer in one segment, `sgm_…`; he may enter and leave many times.")
    customer_id: CustomerId
    segment: str = Field(description="The segment's code, such as vip.")
    is_member: bool = Field(description="Whether he belongs to it from `changed_at` on.")
    entered_at: datetime = Field(description="When the stay began, UTC; of one that is over, the one that ended at `changed_at`.")
    changed_at: datetime = Field(description="When he entered, or left, UTC; of two events of a membership the later has the later moment.")


class DuplicateSuspected(
    Event, type="regulars.customers.duplicate_suspected.v1", aggregate="duplicate_pair", aggregate_id="pair_id", key="customer_id"
):
    """Two customers may be one person, or are found to be so for other reasons than before; why, in codes, and nothing of who they are."""

    pair_id: str = Field(description="The pair, `dup_…`.")
    customer_id: CustomerId
    other_id: str = Field(description="The other customer, `cus_…`.")
    score: int = Field(description="How sure it is, 0 to 100.")
    reasons: list[str] = Field(description="What speaks for it, such as phone_same, email_same or device_shared, the weightiest first.")
    suspected_at: datetime = Field(description="UTC.")


class DuplicateSettled(
    Event, type="regulars.customers.duplicate_settled.v1", aggregate="duplicate_pair", aggregate_id="pair_id", key="customer_id"
):
    """It is settled whether two customers are one person; the last word on a pair, of which perhaps nothing was suspected."""

    pair_id: str = Field(description="The pair, `dup_…`.")
    customer_id: CustomerId
    other_id: str = Field(description="The other customer, `cus_…`.")
    outcome: str = Field(
        description="rejected: two persons, said somebody; confirmed: one, and merged; unlike: they changed. More may come."
    )
    settled_at: datetime = Field(description="UTC.")


class IdentitySharingChanged(
    Event,
    type="regulars.customers.identity_sharing_changed.v1",
    aggregate="identity_sharing",
    aggregate_id="sharing_id",
    key="customer_id",
):
    """Two customers use one device, card or account, or do so no more; they need not be one person."""

    sharing_id: str = Field(description="What two customers share, `shr_…`.")
    customer_id: CustomerId
    other_id: str = Field(description="The other customer, `cus_…`.")
    kinds: list[str] = Field(description="Kinds of the identities that both have now: account, card or device, sorted; more may come.")
    changed_at: datetime = Field(description="UTC.")


class HoldingAlertRaised(
    Event, type="regulars.customers.holding_alert_raised.v1", aggregate="holding", aggregate_id="holding_id", key="customer_id"
):
    """Something about a financial product of a customer wants attention."""

    holding_id: str = Field(description="The holding, `hld_…`.")
    customer_id: CustomerId
    product_kind: str = Field(description="deposit, loan or wealth; more may come.")
    alert: str = Field(description="maturity_nearing, balance_falling or payment_overdue; more may come.")
    due_at: datetime | None = Field(default=None, description="When it matures or was due, UTC.")
    raised_at: datetime = Field(description="UTC.")


class CustomerBirthday(
    Event, type="regulars.customers.birthday_told.v1", aggregate="birthday", aggregate_id="birthday_id", key="customer_id"
):
    """It is a customer's birthday, or was within the last days; in which year he was born stays at home."""

    birthday_id: str = Field(description="The birthday, `bir_…`: one a customer and year.")
    customer_id: CustomerId
    told_at: datetime = Field(description="UTC; the day on which to congratulate.")


class ProcessingRestricted(Event, type="regulars.customers.processing_restricted.v1", aggregate="restriction", aggregate_id="customer_id"):
    """The data of a customer may be kept but not used (GDPR article 18), or may be used again."""

    customer_id: CustomerId
    restricted: bool = Field(description="false lifts it.")
    changed_at: datetime = Field(description="UTC.")


class CustomerErased(
    Event, type="regulars.customers.customer_erased.v1", aggregate="erasure", aggregate_id="erasure_id", key="customer_id"
):
    """A customer wants to be forgotten: every service deletes what tells of him and answers with its signed receipt."""

    erasure_id: str = Field(description="The erasure, `era_…`.")
    customer_id: CustomerId
    customer_ids: list[str] = Field(description="Every id that ever stood for him, this one included.")
    requested_at: datetime = Field(description="UTC.")


class CustomerDataRequested(
    Event, type="regulars.customers.customer_data_requested.v1", aggregate="access_export", aggregate_id="export_id", key="customer_id"
):
    """A customer wants to see what is kept of him: every service answers with its part, sealed for this request alone."""

    export_id: str = Field(description="The access export, `axp_…`.")
    customer_id: CustomerId
    customer_ids: list[str] = Field(description="Every id that stands for him, this one included.")
    public_key: str = Field(description="X25519 public key of this request, base64url; its private half is deleted with the archive.")
    requested_at: datetime = Field(description="UTC.")


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
