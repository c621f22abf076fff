"""What tests of rewards, redemptions and offers share."""

from datetime import UTC, datetime, timedelta

from loyalty.ledger import service as ledger_service
from loyalty.ledger.rules import Grant
from loyalty.redemptions import service as redemptions
from loyalty.redemptions.schemas import MemberRedemptionRequest
from loyalty.rewards import repository as rewards
from shared.database.unit_of_work import UnitOfWork

DAY = timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def give(ledger, customer: str, points: int, *, expires_at: datetime | None = None, source: str = "gift") -> None:
    """Give a member points; a member is made of one of whom nothing was heard."""
    async with UnitOfWork(ledger.database) as uow:
        await ledger_service.grant(uow, [Grant(customer, points, f"{source}:{customer}", LONG_AGO, expires_at=expires_at)])
        await uow.commit()


async def made_reward(client, points: int = 100, **terms) -> dict:
    body = {"name": {"en": "A mug", "lv": "Krūze"}, "prices": [{"points": points}]} | terms
    answer = await client.post("/v1/rewards", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def made_batch(client, count: int = 3, **terms) -> tuple[str, list[str]]:
    answer = await client.post("/v1/voucher-batches", json={"campaign": "rewards", "count": count, "percent_bp": 1_000} | terms)
    assert answer.status_code == 201, answer.text
    codes = await client.get(f"/v1/voucher-batches/{answer.json()['id']}/codes")
    return answer.json()["id"], [voucher["code"] for voucher in codes.json()["data"]]


async def redeemed(client, reward_id: str, customer: str = "cus_1", **more):
    return await client.post("/v1/redemptions", json={"customer_id": customer, "reward_id": reward_id} | more)


async def redeem_at(ledger, reward_id: str, at: datetime, customer: str = "cus_1", quantity: int = 1):
    async with UnitOfWork(ledger.database) as uow:
        row = await redemptions.redeem(uow, customer, MemberRedemptionRequest(reward_id=reward_id, quantity=quantity), at=at)
        await uow.commit()
    return row


async def events(ledger, kind: str) -> list:
    rows = await ledger.fetch("SELECT sequence, payload FROM event_log WHERE type = $1 ORDER BY position", f"regulars.loyalty.{kind}.v1")
    return [(row["sequence"], row["payload"]) for row in rows]


async def remaining(ledger, reward_id: str, at: datetime | None = None) -> int | None:
    async with ledger.database.acquire() as connection:
        row = await rewards.find(connection, reward_id, at)
    assert row is not None
    return row["remaining"]


async def decide(client, redemption_id: str, what: str, body: dict | None = None):
    return await client.post(f"/v1/redemptions/{redemption_id}/{what}", json=body)
