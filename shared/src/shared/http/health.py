"""Whether the process lives, whether it can serve, and its metrics.

Kafka being down does not make a service unready: the outbox takes the events meanwhile.
"""

import asyncio

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from shared.database.pool import Database, PoolDatabase
from shared.http.problems import body_of, problem_response
from shared.http.state import AppState, state_of
from shared.telemetry import gauge

_PROBE_TIMEOUT_SECONDS = 1.0
_LAG_INTERVAL_SECONDS = 0.5
# The schema is there once the chassis tables are.
_PROBE = "SELECT to_regclass('idempotency_answers') IS NOT NULL"

_LAG = gauge("event_loop_lag_seconds", "How late the event loop woke up, last time it was asked.")
_POOL = gauge("database_pool_connections", "Connections to Postgres.", ("state",))


def add_health(app: FastAPI) -> None:
    """Add /livez, /readyz, /startupz and /metrics."""
    for path, endpoint in (("/livez", _livez), ("/readyz", _readyz), ("/startupz", _startupz), ("/metrics", _metrics)):
        app.add_route(path, endpoint, methods=["GET"], include_in_schema=False)


async def _livez(request: Request) -> Response:
    return _verdict("not_alive", "A watchdog found that nothing moves.", good=state_of(request).alive())


async def _startupz(request: Request) -> Response:
    return _verdict("starting", "The service has not started yet.", good=state_of(request).ready)


async def _readyz(request: Request) -> Response:
    state = state_of(request)
    if state.draining or not state.ready or state.database is None:
        return _verdict("not_ready", "The service is starting or stopping.", good=False)
    return _verdict("database_away", "Postgres does not answer, or the schema is missing.", good=await _answers(state.database))


async def _metrics(request: Request) -> Response:
    _observe_pool(state_of(request))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS), database.acquire() as connection:
            return bool(await connection.fetchval(_PROBE))
    except Exception:  # noqa: BLE001 - whatever the reason, it does not answer
        return False


def _verdict(code: str, title: str, *, good: bool) -> Response:
    if good:
        return PlainTextResponse("ok\n")
    return problem_response(body_of(503, code, title), {"retry-after": "1"})


def _observe_pool(state: AppState) -> None:
    inner = getattr(state.database, "inner", state.database)
    if isinstance(inner, PoolDatabase):
        _POOL.labels("in_use").set(inner.in_use)
        _POOL.labels("idle").set(inner.pool.get_size() - inner.in_use)
        _POOL.labels("max").set(inner.pool.get_max_size())


async def watch_loop_lag() -> None:
    """Measure for ever how late the event loop wakes up."""
    loop = asyncio.get_running_loop()
    while True:
        asleep_at = loop.time()
        await asyncio.sleep(_LAG_INTERVAL_SECONDS)
        _LAG.set(max(0.0, loop.time() - asleep_at - _LAG_INTERVAL_SECONDS))
