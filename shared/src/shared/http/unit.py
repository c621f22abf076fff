"""The unit of work, the single write and the connection of a request: lent when a route asks, ended by its `Route`."""

from typing import Annotated

import asyncpg
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.single_write import SingleWrite
from shared.database.unit_of_work import Origin, UnitOfWork
from shared.errors import DomainError
from shared.http import idempotency
from shared.http.errors import RequestInFlight
from shared.http.exchange import Exchange, exchange_of
from shared.http.idempotency import Claim
from shared.http.state import state_of


async def enter_unit_of_work(request: Request) -> UnitOfWork:
    """Begin the request's transaction and take hold of its Idempotency-Key; the dependency behind `Uow`."""
    exchange = _managed(request)
    if exchange.unit_of_work is not None:
        return exchange.unit_of_work
    state = state_of(request)
    claim = idempotency.claim_of(request, exchange.body, exchange.caller)
    uow = UnitOfWork(state.opened(), origin=Origin(exchange.traceparent), after_commit=state.after_commit)
    await uow.__aenter__()
    exchange.unit_of_work = uow
    if claim is not None:
        await idempotency.take(uow.connection, claim, state.service.name)
        exchange.claim = claim
    return uow


async def enter_single_write(request: Request) -> SingleWrite:
    """Look whether the request's Idempotency-Key was answered, and what time it is; the dependency behind `OneWrite`."""
    exchange = _managed(request)
    state = state_of(request)
    claim = idempotency.claim_of(request, exchange.body, exchange.caller)
    connection = await lend_connection(request)
    at = await (idempotency.look(connection, claim) if claim is not None else database_now(connection))
    exchange.claim = claim
    exchange.single_write = SingleWrite(connection, at, exchange.traceparent, state.after_commit)
    return exchange.single_write


async def lend_connection(request: Request) -> Connection:
    """Lend the request a connection without a transaction; the dependency behind `Reads`."""
    exchange = _managed(request)
    if exchange.reading is None:
        lease = state_of(request).opened().acquire()
        exchange.reading = (lease, await lease.__aenter__())
    return exchange.reading[1]


# One transaction; committed after the endpoint has returned and its answer is serialised, and before the answer leaves.
Uow = Annotated[UnitOfWork, Depends(enter_unit_of_work, scope="function")]
# One row and its event, written like that too, in one statement and without a transaction around it.
OneWrite = Annotated[SingleWrite, Depends(enter_single_write, scope="function")]
# A connection without a transaction, for routes that only read.
Reads = Annotated[Connection, Depends(lend_connection, scope="function")]


async def finish(exchange: Exchange, response: Response) -> None:
    """Store the answer of an idempotent request, commit, and give the connections back.

    An answer that tells of a failure rolls back. Whatever this raises becomes the answer instead.
    """
    uow = exchange.unit_of_work
    if uow is not None and response.status_code < 400:
        await _commit(uow, exchange, response)
    if exchange.single_write is not None and response.status_code < 400:
        await _write(exchange.single_write, exchange.claim, response)
    await release(exchange)


async def _commit(uow: UnitOfWork, exchange: Exchange, response: Response) -> None:
    if exchange.claim is None or response.status_code >= 300:
        await uow.commit()
        return
    try:
        await uow.commit(idempotency.answer_of(exchange.claim, response))
    except asyncpg.UniqueViolationError as error:
        if idempotency.is_twin(error):
            raise RequestInFlight(retry_after_seconds=1) from None
        raise


async def _write(single_write: SingleWrite, claim: Claim | None, response: Response) -> None:
    if claim is None:
        await single_write.commit()
        return
    try:
        await single_write.commit(idempotency.answer_of(claim, response))
    except (DomainError, asyncpg.UniqueViolationError) as error:
        # What kept it out may be its own twin, whom the statement waited for.
        await idempotency.look(single_write.connection, claim)
        if isinstance(error, asyncpg.UniqueViolationError) and idempotency.is_twin(error):
            raise RequestInFlight(retry_after_seconds=1) from None
        raise


async def release(exchange: Exchange, error: BaseException | None = None) -> None:
    """Give the connections back; what is not committed is rolled back.

    Args:
        exchange: whose they are.
        error: what ended the request, when it ended badly: its connection is looked at before it is lent again.
    """
    kind = type(error) if error is not None else None
    uow, exchange.unit_of_work = exchange.unit_of_work, None
    reading, exchange.reading = exchange.reading, None
    try:
        if reading is not None:
            await reading[0].__aexit__(kind, error, None)
    finally:
        if uow is not None:
            await uow.__aexit__(kind, error, None)


def _managed(request: Request) -> Exchange:
    exchange = exchange_of(request.scope)
    if not exchange.managed:
        raise RuntimeError("Uow and Reads need a router with route_class=Route: nothing else commits and releases")
    return exchange
