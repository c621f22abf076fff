"""Which erasures and access requests a service has answered: a rebuild hears of them again."""

from datetime import datetime

from shared.database.pool import Connection

_ANSWER = "INSERT INTO answered_requests (request_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING answered_at"


async def answer_once(connection: Connection, request_id: str) -> datetime | None:
    """Note that a request is answered in this transaction; return the moment, or None when it was answered before."""
    return await connection.fetchval(_ANSWER, request_id)
