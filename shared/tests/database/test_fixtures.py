"""The test fixtures themselves, on a service that has nothing but the chassis."""

import pytest

from shared.contracts.customers import ApiKeyRevoked
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.testing.databases import RolledBackDatabase


async def publish_one(database: RolledBackDatabase | PoolDatabase, clock) -> None:
    async with UnitOfWork(database) as uow:
        uow.publish(ApiKeyRevoked(key_id="one", revoked_at=clock.now()), sequence=1)
        await uow.commit()


async def pending(database: RolledBackDatabase | PoolDatabase) -> int:
    async with database.acquire() as connection:
        return await connection.fetchval("SELECT count(*) FROM outbox_pending JOIN event_log USING (position, recorded_at)")


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_rolled_back_test_leaves_nothing(database, clock, attempt):
    assert await pending(database) == 0
    await publish_one(database, clock)
    assert await pending(database) == 1


async def test_leaving_without_commit_rolls_back(committed_database, clock):
    async with UnitOfWork(committed_database) as uow:
        uow.publish(ApiKeyRevoked(key_id="one", revoked_at=clock.now()), sequence=1)
        await uow.flush()
    assert await pending(committed_database) == 0


async def test_commit_stores_rows_and_events_and_tells(committed_database, clock):
    told = []
    async with UnitOfWork(committed_database, after_commit=lambda: told.append(1)) as uow:
        uow.publish(ApiKeyRevoked(key_id="one", revoked_at=clock.now()), sequence=1)
        await uow.commit()
    assert await pending(committed_database) == 1
    assert told == [1]


async def test_events_keep_their_order_and_land_in_the_partition_of_the_day(committed_database, clock):
    async with UnitOfWork(committed_database) as uow:
        ids = [uow.publish(ApiKeyRevoked(key_id="one", revoked_at=clock.now()), sequence=n) for n in range(1, 6)]
        await uow.commit()
    async with committed_database.acquire() as connection:
        rows = await connection.fetch("SELECT id FROM outbox_pending JOIN event_log USING (position, recorded_at) ORDER BY position")
        in_default = await connection.fetchval("SELECT count(*) FROM event_log_default")
    assert [row["id"] for row in rows] == ids
    assert in_default == 0
