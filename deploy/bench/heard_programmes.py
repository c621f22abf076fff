"""What a loyalty service may have to look at when an order comes: set up over its own interface, as a shop does it."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))

from loyalty.app import SERVICE
from loyalty.handlers import HANDLERS
from loyalty.settings import LoyaltySettings
from programme import apply, read_programme
from shared.contracts.base import Event
from shared.contracts.customers import CustomerRegistered
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.http import create_app
from shared.http.access_events import issue_key
from shared.http.jobs import JobRunner
from shared.ids import new_uuid

# New customers who were each referred by one of the others.
REFERRED = 200
_SINCE = datetime.now(UTC) - timedelta(days=800)
_EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "starbucks_2026.json"
_BASE = {"name": "A point a euro", "trigger": "order_placed", "effect": {"kind": "per_amount", "points": 1, "per": 100}}
_MORE_RULES = (
    {"name": "Tea doubles", "trigger": "order_placed", "effect": {"kind": "multiplier", "factor": "2"},
     "condition": "event.lines.exists(l, l.category == 'category 1')", "per_customer": {"points": 500, "period": "month"}},
    {"name": "Welcome", "trigger": "order_placed", "effect": {"kind": "fixed", "points": 50}, "condition": "event.first_purchase"},
    {"name": "Well done", "trigger": "challenge_completed", "effect": {"kind": "fixed", "points": 5}, "budget": 10**9},
)  # fmt: skip
_BADGE = {"code": "spender", "name": {"en": "Spender"}}
_CHALLENGES: tuple[dict[str, Any], ...] = (
    {"goal": {"kind": "spend", "target": 20_000}, "max_times": None, "reward": {"points": 100, "badge": "spender"}},
    {"goal": {"kind": "streak", "target": 3, "unit": "week", "grace": 1}, "max_times": None, "reward": {"points": 20}},
)
_CAMPAIGN = {
    "name": {"en": "Your favourite"},
    "looking": {"strategy": "affinity", "by": "category", "min_purchases": 2},
    "benefit": {"kind": "multiplier", "factor": "2"},
    "validity_days": 366,
    "needs_activation": False,
}
_REFERRALS = {"condition": "first_order", "min_order_minor": 2_000, "within_days": 30, "referrer_points": 500, "referred_points": 100}
_LIMIT = {
    "name": "Large orders",
    "action": "earning",
    "measure": "points",
    "maximum": 10**9,
    "window_seconds": 86_400,
    "on_exceed": "review",
}

Feature = Callable[[httpx2.AsyncClient, PoolDatabase], Awaitable[None]]


async def one_rule(client: httpx2.AsyncClient, _database: PoolDatabase) -> None:
    """The plain rate as a rule."""
    await _publish(client, _BASE)


async def tiers(client: httpx2.AsyncClient, _database: PoolDatabase) -> None:
    """The example programme: tiers that multiply, points that end without activity."""
    await apply(client, read_programme(_EXAMPLE))


async def challenges(client: httpx2.AsyncClient, _database: PoolDatabase) -> None:
    """A challenge, a streak and a badge."""
    await _send(client, "POST", "/v1/badges", _BADGE)
    for wanted in _CHALLENGES:
        await _send(client, "POST", "/v1/challenges", {"name": {"en": "Go"}, "starts_at": _SINCE.isoformat()} | wanted)


async def offers_and_referrals(client: httpx2.AsyncClient, database: PoolDatabase) -> None:
    """A campaign of offers for what members bought before, and customers who were referred."""
    campaign = await _send(client, "POST", "/v1/offer-campaigns", _CAMPAIGN)
    await _send(client, "POST", f"/v1/offer-campaigns/{campaign['id']}/generate", None)
    while await JobRunner(database, SERVICE.jobs).run_one():
        pass
    await _send(client, "PUT", "/v1/referral-scheme", _REFERRALS)
    await hear(database, [registered(f"cus_referred_{number}") for number in range(REFERRED)])
    for number in range(REFERRED):
        code = (await client.get(f"/v1/members/cus_{number}/referral")).json()["code"]
        await _send(client, "POST", "/v1/referrals", {"code": code, "customer_id": f"cus_referred_{number}"})


async def many_rules(client: httpx2.AsyncClient, _database: PoolDatabase) -> None:
    """Rules with conditions, a limit and a budget, and a limit on how much is earned."""
    for wanted in (_BASE, *_MORE_RULES):
        await _publish(client, wanted)
    await _send(client, "POST", "/v1/velocity-limits", _LIMIT)


@asynccontextmanager
async def served(database: PoolDatabase):
    """Yield a client of the service on a database."""
    async with UnitOfWork(database) as uow:
        key = await issue_key(uow, name="bench", scopes=["loyalty:manage", "loyalty:read", "loyalty:write"])
        await uow.commit()
    app = create_app(
        SERVICE, LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**9), database=database
    )
    async with app.router.lifespan_context(app):
        headers = {"authorization": f"Bearer {key.key}"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://bench", headers=headers) as client:
            yield client


async def hear(database: PoolDatabase, events: list) -> None:
    """Let the service hear events of one kind as one batch."""
    async with UnitOfWork(database) as uow:
        await HANDLERS[type(events[0])](uow, [_received(event) for event in events])
        await uow.commit()


def registered(customer_id: str) -> CustomerRegistered:
    """Return the registration of a customer, just now."""
    return CustomerRegistered(customer_id=customer_id, kind="individual", country="LV", language="lv", registered_at=datetime.now(UTC))


def _received(event: Event) -> Received[Any]:
    return Received(event, Envelope(new_uuid(), event.type, "/regulars/customers", event.aggregate_id, event.key, 1, datetime.now(UTC)))


async def _publish(client: httpx2.AsyncClient, rule: dict[str, Any]) -> None:
    made = await _send(client, "POST", "/v1/rules", rule)
    await _send(client, "POST", f"/v1/rules/{made['id']}/publish", {"effective_from": _SINCE.isoformat()})


async def _send(client: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    headers = {"if-match": (await client.get(path)).headers["etag"]} if method == "PUT" else {}
    answer = await client.request(method, path, json=body, headers=headers)
    if not answer.is_success:
        raise RuntimeError(f"{method} {path}: {answer.text}")
    return answer.json()
