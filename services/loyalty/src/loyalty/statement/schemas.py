from pydantic import Field

from loyalty.statement.rules import Statement as StatementFacts
from shared.http.schemas import Moment, OutputModel


class StatementLine(OutputModel):
    """A movement, and what there was after it."""

    entry_id: str | None = Field(
        description="The entry; null for what has expired and is not booked yet.", examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"]
    )
    kind: str = Field(description="accrual, reversal, redemption, expiry …, as of entries.", examples=["accrual"])
    points: int = Field(description="Below zero when they went.", examples=[25])
    balance: int = Field(description="What there was after it.", examples=[117])
    occurred_at: Moment = Field(description="When it happened.", examples=["2026-01-05T09:30:00Z"])
    order_id: str | None = Field(description="The order that it is about.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])


class Statement(OutputModel):
    """A wallet over a time: the opening balance and the lines add up to the closing one."""

    customer_id: str = Field(description="The member.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    programme: str = Field(description="The programme's name.", examples=["Points"])
    wallet: str = Field(description="The wallet.", examples=["points"])
    zone: str = Field(description="The programme's time zone.", examples=["Europe/Riga"])
    since: Moment = Field(alias="from", description="The first moment of the time.", examples=["2026-01-01T00:00:00Z"])
    until: Moment = Field(description="The first moment after the time.", examples=["2026-02-01T00:00:00Z"])
    opening: int = Field(description="Points at the beginning: pending and held ones too, expired ones not.", examples=[92])
    closing: int = Field(description="Points at the end.", examples=[117])
    totals: dict[str, int] = Field(description="Points by kind of line.", examples=[{"accrual": 25}])
    lines: list[StatementLine] = Field(description="The movements, oldest first; at most 5,000.")


def statement_of(facts: StatementFacts) -> Statement:
    """Return the answer for a statement."""
    lines = [
        StatementLine(
            entry_id=line.entry_id,
            kind=line.kind,
            points=line.points,
            balance=balance,
            occurred_at=line.occurred_at,
            order_id=line.order_id,
        )
        for line, balance in zip(facts.lines, facts.balances, strict=True)
    ]
    return Statement.model_validate(
        {
            "customer_id": facts.customer_id,
            "programme": facts.programme,
            "wallet": facts.wallet,
            "zone": facts.zone,
            "from": facts.since,
            "until": facts.until,
            "opening": facts.opening,
            "closing": facts.closing,
            "totals": dict(facts.totals),
            "lines": lines,
        }
    )
