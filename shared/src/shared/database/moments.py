"""The one clock that all processes and connections share."""

from datetime import datetime

from shared.database.pool import Connection

_NOW = "SELECT clock_timestamp()"


async def database_now(connection: Connection) -> datetime:
    """Return the moment by the database's clock, also within a transaction the present one, in UTC."""
    moment = await connection.fetchval(_NOW)
    assert moment is not None
    return moment
