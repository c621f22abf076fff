"""What a programme has."""

from typing import Any

from loyalty.ledger.errors import WalletNotFound
from loyalty.programmes import repository
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.repository import ProgrammeRow
from loyalty.programmes.schemas import ProgrammePatch
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version


async def require_wallet(connection: Connection, code: str) -> None:
    """Make sure that the programme has a wallet.

    Raises:
        WalletNotFound: it has none of this code.
    """
    if not await repository.has_wallet(connection, PROGRAMME_ID, code):
        raise WalletNotFound


async def require(connection: Connection, programme_id: str | None) -> str:
    """Return the programme that is meant: the default one when none is named.

    Raises:
        ProgrammeNotFound: there is none.
    """
    if programme_id is None:
        return PROGRAMME_ID
    if not await repository.exists(connection, programme_id):
        raise ProgrammeNotFound
    return programme_id


async def found(connection: Connection, programme_id: str) -> ProgrammeRow:
    """Return a programme.

    Raises:
        ProgrammeNotFound: there is none.
    """
    row = await repository.find(connection, programme_id)
    if row is None:
        raise ProgrammeNotFound
    return row


async def amend(uow: UnitOfWork, programme_id: str, patch: ProgrammePatch, expected: int) -> ProgrammeRow:
    """Change the fields of a programme that were sent.

    Raises:
        ProgrammeNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
    """
    version = await repository.lock(uow.connection, programme_id)
    if version is None:
        raise ProgrammeNotFound
    check_version(expected, version)
    changes: dict[str, Any] = patch.model_dump(mode="json", exclude_unset=True)
    await repository.change(uow.connection, programme_id, changes)
    return await found(uow.connection, programme_id)
