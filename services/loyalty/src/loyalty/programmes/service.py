"""What a programme has."""

from loyalty.ledger.errors import WalletNotFound
from loyalty.programmes import repository
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database.pool import Connection


async def require_wallet(connection: Connection, code: str) -> None:
    """Make sure that the programme has a wallet.

    Raises:
        WalletNotFound: it has none of this code.
    """
    if not await repository.has_wallet(connection, PROGRAMME_ID, code):
        raise WalletNotFound
