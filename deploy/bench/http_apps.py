"""The applications that `http_routes` compares: services on the whole chassis, and bare FastAPI routes with one statement each."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from fastapi import FastAPI, HTTPException, Request
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parents[2] / "shared" / "tests" / "http"))

from regulars_sample.app import SERVICE
from regulars_sample.notes import FIND, INSERT, NewNote, Note

from shared.http import create_app
from shared.ids import new_id
from shared.settings import ServiceSettings

POOL_SIZE = 10


def ours() -> FastAPI:
    """Return the sample service."""
    settings = ServiceSettings(database_url=SecretStr(os.environ["BENCH_DSN"]), database_pool_size=POOL_SIZE, rate_limit_per_minute=10**9)
    return create_app(SERVICE, settings)


def bare() -> FastAPI:
    """Return what one writes in ten minutes: validated, no access control, no events, no safety."""
    app = FastAPI(lifespan=pool)

    @app.post("/v1/notes", status_code=201)
    async def create(note: NewNote, request: Request) -> Note:
        async with request.app.state.pool.acquire() as connection:
            row = await connection.fetchrow(INSERT, new_id("not"), note.customer_id, note.title, note.stars)
        return Note.model_validate(dict(row))

    @app.get("/v1/notes/{note_id}")
    async def get(note_id: str, request: Request) -> Note:
        async with request.app.state.pool.acquire() as connection:
            row = await connection.fetchrow(FIND, note_id)
        if row is None:
            raise HTTPException(404)
        return Note.model_validate(dict(row))

    return app


@asynccontextmanager
async def pool(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool of a bare application."""
    async with asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=1, max_size=POOL_SIZE) as opened:
        app.state.pool = opened
        yield
