"""Who takes part in which programme: everybody in all that run, unless he leaves one.

What happened before he left, or after he came back, counts; what he has stays his. The default programme nobody leaves: for that he is
erased.
"""

from datetime import datetime

from loyalty.members import service as members
from loyalty.participations import repository
from loyalty.participations.repository import ParticipationRow
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import DefaultProgramme
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def participations(connection: Connection, customer_id: str) -> list[ParticipationRow]:
    """Return what a member has in each programme that was published.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    return await repository.of_member(connection, customer_id)


async def join(uow: UnitOfWork, customer_id: str, programme_id: str, now: datetime) -> None:
    """Let a member take part again; nothing changes for one who does.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
    """
    await members.admit(uow.connection, customer_id)
    await programmes.require(uow.connection, programme_id)
    await repository.come_back(uow.connection, programme_id, customer_id, now)


async def leave(uow: UnitOfWork, customer_id: str, programme_id: str, now: datetime) -> None:
    """Let a member take no part from now on; nothing changes for one who took none.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
        DefaultProgramme: nobody leaves that one.
    """
    await members.admit(uow.connection, customer_id)
    await programmes.require(uow.connection, programme_id)
    if programme_id == PROGRAMME_ID:
        raise DefaultProgramme
    await repository.leave(uow.connection, programme_id, customer_id, now)
