"""What a unit of work does besides committing and rolling back."""

import pytest

from shared.contracts.customers import ApiKeyRevoked
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Conflict


@pytest.mark.parametrize(("error", "told"), [(None, ["done"]), (Conflict(), ["noted"]), (RuntimeError(), [])])
async def test_what_is_noted_when_a_domain_error_undoes_the_rest(committed_database, clock, error, told):
    async def note(uow: UnitOfWork) -> None:
        uow.publish(ApiKeyRevoked(key_id="noted", revoked_at=clock.now()), sequence=1)

    async def attempt() -> None:
        async with UnitOfWork(committed_database) as uow:
            uow.when_refused(note)
            uow.publish(ApiKeyRevoked(key_id="done", revoked_at=clock.now()), sequence=1)
            await uow.flush()
            if error is not None:
                raise error
            await uow.commit()

    if error is None:
        await attempt()
    else:
        with pytest.raises(type(error)):
            await attempt()
    async with committed_database.acquire() as connection:
        rows = await connection.fetch("SELECT aggregateid FROM outbox_pending JOIN event_log USING (position, recorded_at)")
    assert [row["aggregateid"] for row in rows] == told
