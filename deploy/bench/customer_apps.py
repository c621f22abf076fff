"""The customers service, and what one writes in ten minutes instead; for `http_routes`."""

import os

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, SecretStr

from customers.app import SERVICE
from customers.settings import CustomersSettings
from http_apps import POOL_SIZE, pool
from shared.http import create_app
from shared.ids import new_id


def customers() -> FastAPI:
    """Return the customers service."""
    settings = CustomersSettings(database_url=SecretStr(os.environ["BENCH_DSN"]), database_pool_size=POOL_SIZE, rate_limit_per_minute=10**9)
    return create_app(SERVICE, settings)


class PlainCustomer(BaseModel):
    """A customer of the bare route."""

    external_id: str
    kind: str
    name: str
    email: str


PLAIN_TABLE = "CREATE TABLE IF NOT EXISTS plain_customers (id text PRIMARY KEY, external_id text, kind text, name text, email text)"
_INSERT_PLAIN = "INSERT INTO plain_customers VALUES ($1, $2, $3, $4, $5)"
_FIND_PLAIN = "SELECT external_id, kind, name, email FROM plain_customers WHERE id = $1"


def bare_customers() -> FastAPI:
    """Return a bare route that keeps a customer in one row, and one that reads it."""
    app = FastAPI(lifespan=pool)

    @app.post("/v1/customers", status_code=201)
    async def create(customer: PlainCustomer, request: Request) -> dict[str, str]:
        customer_id = new_id("cus")
        async with request.app.state.pool.acquire() as connection:
            await connection.execute(_INSERT_PLAIN, customer_id, customer.external_id, customer.kind, customer.name, customer.email)
        return {"id": customer_id} | customer.model_dump()

    @app.get("/v1/customers/{customer_id}")
    async def get(customer_id: str, request: Request) -> PlainCustomer:
        async with request.app.state.pool.acquire() as connection:
            row = await connection.fetchrow(_FIND_PLAIN, customer_id)
        if row is None:
            raise HTTPException(404)
        return PlainCustomer.model_validate(dict(row))

    return app
