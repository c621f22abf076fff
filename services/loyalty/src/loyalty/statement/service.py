"""A member's statement: opening balance, every movement, closing balance."""

from datetime import datetime

from loyalty.members import service as members
from loyalty.programmes import service as programmes
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.statement import repository
from loyalty.statement.errors import StatementTooLong
from loyalty.statement.rules import MAX_LINES, Statement, StatementLine, period
from shared.database.moments import database_now
from shared.database.pool import Connection


async def statement(connection: Connection, customer_id: str, wallet: str, since: datetime | None, until: datetime | None) -> Statement:
    """Return what a member's wallet did over a time.

    Args:
        connection: of the caller.
        customer_id: any id of his family.
        wallet: code of the wallet.
        since: its beginning; thirty days before its end when None.
        until: its end, which does not belong to it; now when None, and at the latest.

    Raises:
        MemberNotFound: there is no such member.
        WalletNotFound: there is no such wallet.
        StatementBackwards, StatementTooLong: the time is none that a statement can have.
    """
    await members.require(connection, customer_id)
    await programmes.require_wallet(connection, wallet)
    programme = await programmes.found(connection, PROGRAMME_ID)
    begin, end = period(since, until, await database_now(connection))
    opening, lapsed, lines = await repository.movements(connection, PROGRAMME_ID, customer_id, wallet, begin, end, MAX_LINES + 1)
    if len(lines) > MAX_LINES:
        raise StatementTooLong(pointer="/from", location="query", max_lines=MAX_LINES)
    if lapsed:
        lines.append(StatementLine(None, "expiry", -lapsed, end, None))
    return Statement(customer_id, programme.name, wallet, programme.zone, begin, end, opening, lines)
