"""Composes a service's HTTP interface from its routes and the chassis."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from shared.clock import Clock, SystemClock
from shared.database.pool import Database, PoolDatabase
from shared.http import job_routes, operations
from shared.http.database_watch import WatchedDatabase
from shared.http.docs import add_docs
from shared.http.edge import Edge
from shared.http.health import add_health, watch_loop_lag
from shared.http.jobs import JobRunner
from shared.http.key_ring import KeyRing
from shared.http.openapi import build_openapi
from shared.http.problem_handlers import add_problem_handlers
from shared.http.rate_limit import RateLimiter
from shared.http.state import AppState
from shared.http.streaming import body_limits
from shared.http.tokens import TokenVerifier
from shared.service import Service
from shared.settings import ServiceSettings

VERSION = "1.0.0"
_DESCRIPTION = (
    "Part of Regulars, the open suite that turns customers into regulars. Errors are problem details (RFC 9457); "
    "POST takes `Idempotency-Key`; lists are read by cursor; what is read has an ETag for `If-None-Match`; changes need it."
)


def create_app(
    service: Service,
    settings: ServiceSettings,
    *,
    database: Database | None = None,
    clock: Clock | None = None,
    after_commit: Callable[[], None] | None = None,
    access_log: bool = False,
) -> FastAPI:
    """Return the ASGI application of a service.

    Args:
        service: its composition.
        settings: read from the environment by the entry point.
        database: used instead of a pool of its own; whoever opened it closes it.
        clock: tells the time; the machine's when None.
        after_commit: wakes the relay after a commit that caused events.
        access_log: whether each request is logged.
    """
    clock = clock or SystemClock()
    limiter = RateLimiter(settings.rate_limit_per_minute)
    state = AppState(service, settings, clock, KeyRing(clock), TokenVerifier(clock), limiter, after_commit, database)
    app = FastAPI(
        title=service.title,
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.regulars = state
    own = (operations.router, job_routes.router) if service.jobs else (operations.router,)
    for router in (*service.routers, *own):
        _adopt(app, router.routes)
    app.openapi = lambda: _openapi_once(app)
    add_health(app)
    add_docs(app)
    add_problem_handlers(app)
    app.add_middleware(
        Edge,
        max_body_bytes=settings.max_body_bytes,
        larger_bodies=body_limits([route for route in app.routes if isinstance(route, APIRoute)], settings),
        spans=settings.otlp_endpoint is not None,
        access_log=access_log,
    )
    return app


def openapi_document(service: Service) -> dict[str, Any]:
    """Return the OpenAPI document of a service; needs no database and no environment."""
    optional = {name: field for name, field in service.settings.model_fields.items() if not field.is_required()}
    settings = service.settings.model_construct(**{name: field.get_default() for name, field in optional.items()})
    return create_app(service, settings).openapi()


def _adopt(app: FastAPI, routes: list[BaseRoute]) -> None:
    """Take routes over as they are: including their router would match every request twice."""
    ids = {route.operation_id for route in app.routes if isinstance(route, APIRoute)}
    for route in routes:
        if isinstance(route, APIRoute):
            if route.operation_id is None or route.operation_id in ids:
                raise ValueError(f"{route.path}: every operation needs an operation_id of its own, got {route.operation_id!r}")
            ids.add(route.operation_id)
        app.router.routes.append(route)


def _openapi_once(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = build_openapi(app)
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.regulars
    own = await _open_pool(state)
    try:
        for hook in state.service.on_start:
            await hook(state.opened(), state.settings)
        await state.tokens.load(state.opened())
        state.tasks.add(asyncio.create_task(watch_loop_lag()))
        _watch_database(state)
        if state.service.jobs:
            state.tasks.add(asyncio.create_task(JobRunner(state.opened(), state.service.jobs).run()))
        state.ready = True
        yield
    finally:
        state.ready = False
        await _cancel(state)
        if own is not None:
            state.database = None
            await own.close()


async def _open_pool(state: AppState) -> PoolDatabase | None:
    if state.database is not None:
        return None
    settings = state.settings
    own = await PoolDatabase.connect(
        settings.database_url.get_secret_value(), max_size=settings.database_pool_size, application_name=f"{state.service.name}-api"
    )
    state.database = own
    return own


def _watch_database(state: AppState) -> None:
    if isinstance(state.database, PoolDatabase):
        watched = WatchedDatabase(state.database)
        state.database = watched
        state.tasks.add(asyncio.create_task(watched.watch()))


async def _cancel(state: AppState) -> None:
    for task in state.tasks:
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
    state.tasks.clear()
