from typing import Any, Literal

from pydantic import Field

from shared.http.schemas import Moment, OutputModel

EntryKind = Literal[
    "accrual",
    "reversal",
    "redemption",
    "restoration",
    "expiry",
    "reinstatement",
    "adjustment",
    "transfer_in",
    "transfer_out",
    "forfeiture",
]


class Entry(OutputModel):
    """A line of a member's account."""

    id: str = Field(description="The entry, `ent_…`.", examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="Whose wallet it changed.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    wallet: str = Field(description="The wallet.", examples=["points"])
    kind: EntryKind = Field(
        description="Points earned or taken back for a return; spent or given back after a cancellation; expired, or not "
        "expired after all; given or taken by hand; given to or by another member; lost when the membership ended."
    )
    points: int = Field(description="Change of the wallet: above zero when they came, below when they went.", examples=[11])
    order_id: str | None = Field(description="The order that it is about.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    source_id: str = Field(description="What caused it, such as an order, a return, a hold or an adjustment.", examples=["ord_01jd3z"])
    occurred_at: Moment = Field(description="When its reason arose, such as the day of the order.", examples=["2026-01-05T09:30:00Z"])
    recorded_at: Moment = Field(description="When the ledger heard of it.", examples=["2026-01-05T09:30:02Z"])


class Posting(OutputModel):
    """What an entry adds to an account; the postings of an entry sum to zero."""

    account: str = Field(description="member, or the programme's side such as issuance, spent or expired.", examples=["issuance"])
    customer_id: str | None = Field(description="Whose wallet it is.", examples=[None])
    points: int = Field(description="What it adds.", examples=[-11])


class LotChange(OutputModel):
    """What an entry made or took of a lot."""

    lot_id: str = Field(description="The lot, `lot_…`.", examples=["lot_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    points: int = Field(description="How much; a draw below zero gave back.", examples=[11])
    expires_at: Moment | None = Field(description="When the lot expires; never when null.", examples=["2027-01-05T09:30:00Z"])


class EntryDetail(Entry):
    """An entry with everything that belongs to it."""

    sequence: int = Field(description="Its place in the member's chain: the number of the event that told of it.", examples=[7])
    hash: str = Field(description="SHA-256 over it and the chain before it, hexadecimal.", examples=["9f86d081884c7d65"])
    rule_version: str | None = Field(description="The rule that made it.", examples=["rul_1@3"])
    reason: str | None = Field(description="What somebody wrote to it; null once the member is erased.", examples=[None])
    reference: str | None = Field(description="The caller's own word for it.", examples=[None])
    actor: str | None = Field(description="Who did it by hand.", examples=[None])
    postings: list[Posting] = Field(description="They sum to zero.")
    draws: list[LotChange] = Field(description="The lots that it drew from or gave back to.")
    lots: list[LotChange] = Field(description="The lots that it made.")


class Explanation(OutputModel):
    """Why an entry has the points that it has."""

    entry_id: str = Field(description="The entry, `ent_…`.", examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: EntryKind = Field(description="What it is.")
    points: int = Field(description="Its points.", examples=[11])
    rule_version: str | None = Field(description="The rule that made it; null when the programme's rate did.", examples=["rul_1@3"])
    explanation: dict[str, Any] = Field(
        description="The rule's inputs and arithmetic.", examples=[{"arithmetic": "1199 * 1 / 100, rounded down", "points": 11}]
    )
    rules: list[str] = Field(default=[], description="Every version of a rule that was in force.", examples=[["rul_1@3", "rul_2@1"]])
    inputs: dict[str, Any] | None = Field(default=None, description="What the rules looked at; null once the member is erased.")
    steps: list[dict[str, Any]] = Field(default=[], description="What each rule gave, in the stacking order, evaluated again.")
    recomputed: int | None = Field(
        description="The points that come out when it is evaluated again; null where nothing is kept to evaluate.", examples=[11]
    )
    matches: bool | None = Field(description="Whether those are the points of the entry.", examples=[True])


class Lot(OutputModel):
    """What is left of what a member was given at one time."""

    id: str = Field(description="The lot, `lot_…`.", examples=["lot_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="Whose it is.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    wallet: str = Field(description="The wallet.", examples=["points"])
    granted: int = Field(description="What it was.", examples=[40])
    remaining: int = Field(description="What is left of it, what is held included.", examples=[25])
    held: int = Field(description="What of that is set aside.", examples=[0])
    earned_at: Moment = Field(description="How old it is.", examples=["2026-01-05T09:30:00Z"])
    available_from: Moment | None = Field(description="Pending until then.", examples=[None])
    expires_at: Moment | None = Field(description="From then on it counts no more; null when it never expires.", examples=[None])
    entry_id: str = Field(description="The entry that made it.", examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"])
