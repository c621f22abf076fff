from typing import Any

import pytest

from conftest import make_app, new_key, open_client
from shared.clock import FrozenClock
from shared.errors import TooMany
from shared.http import rate_limit
from shared.http.exchange import Exchange
from shared.http.rate_limit import RateLimiter
from shared.settings import ServiceSettings


async def test_a_caller_is_stopped_and_told_for_how_long(database: Any, settings: ServiceSettings, clock: FrozenClock) -> None:
    settings = settings.model_copy(update={"rate_limit_per_minute": 2})
    async with open_client(make_app(database, settings, clock), await new_key(database)) as client:
        answers = [await client.get("/v1/notes") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"read";q=2;w=60'
        assert answers[0].headers["ratelimit"].startswith('"read";r=1;t=')
        assert 1 <= int(answers[2].headers["retry-after"]) <= 31
        # Writing is counted by itself, and so is everybody else.
        assert (await client.post("/v1/notes", json={"customer_id": "c", "title": "t"})).status_code == 201
        other = {"authorization": f"Bearer {await new_key(database)}"}
        assert (await client.get("/v1/notes", headers=other)).status_code == 200


def test_tokens_come_back_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: now[0])
    limiter, exchange = RateLimiter(60), Exchange("r", "t")
    for _ in range(60):
        limiter.count(exchange, "a", "read")
    with pytest.raises(TooMany) as refused:
        limiter.count(exchange, "a", "read")
    assert refused.value.extras == {"retry_after_seconds": 2}
    now[0] += 2
    limiter.count(exchange, "a", "read")
    limiter.count(exchange, "a", "read")
    with pytest.raises(TooMany):
        limiter.count(exchange, "a", "read")
