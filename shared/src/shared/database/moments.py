"""The one clock that all processes and connections share."""

from datetime import UTC, datetime

from shared.database.pool import Connection

# After everything that a list holds: where one that goes back in time begins.
LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC)
_NOW = "SELECT clock_timestamp()"


async def database_now(connection: Connection) -> datetime:
    """Return the moment by the database's clock, also within a transaction the present one, in UTC."""
    moment = await connection.fetchval(_NOW)
    assert moment is not None
    return moment
