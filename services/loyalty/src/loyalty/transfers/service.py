"""Points that one member gives to another; they keep their age and their expiry."""

from datetime import datetime

from loyalty.abuse.guard import guard
from loyalty.ledger.errors import InsufficientPoints
from loyalty.ledger.events import event_of
from loyalty.ledger.posting import Note, note
from loyalty.ledger.rules import POINTS
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.transfers import repository
from loyalty.transfers.errors import TransferToOneself
from loyalty.transfers.schemas import Transfer
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family
from shared.ids import new_id


async def transfer(
    uow: UnitOfWork,
    giver: str,
    receiver: str,
    points: int,
    *,
    actor: str,
    message: str | None = None,
    wallet: str = POINTS,
    programme_id: str = PROGRAMME_ID,
    at: datetime | None = None,
) -> Transfer:
    """Give points of one member to another.

    Args:
        uow: commits it.
        giver: customer id; his family's points count, his household's do not.
        receiver: customer id.
        points: at least 1.
        actor: who asked for it.
        message: what the giver wrote; kept with the entries and erased with the member.
        wallet: code of the wallet.
        programme_id: whose points they are.
        at: the moment of posting; the database's clock when None.

    Raises:
        MemberNotFound: one of them is no member.
        TransferToOneself: they are one person.
        MemberFrozen: the giver is frozen.
        VelocityExceeded: he gives too often or too much.
        InsufficientPoints: the giver has fewer.
    """
    if receiver in (await family(uow.connection, giver)).ids:
        raise TransferToOneself
    await guard(uow, "transfer", customer_id=giver, caller=actor, points=points)
    transfer_id = new_id("trf")
    moved = await repository.transfer(uow.connection, programme_id, giver, receiver, wallet, points, transfer_id, at)
    if moved.status == "unknown":
        raise MemberNotFound
    if moved.status == "insufficient":
        raise InsufficientPoints(spendable=moved.spendable)
    for line in moved.lines:
        uow.publish(event_of(line, programme_id), sequence=line.sequence)
    await note(uow.connection, [Note(line.entry_id, message, None, actor) for line in moved.lines])
    return Transfer(
        id=transfer_id,
        customer_id=giver,
        to_customer_id=receiver,
        programme_id=programme_id,
        wallet=wallet,
        points=points,
        occurred_at=moved.lines[0].occurred_at,
        entry_ids=[line.entry_id for line in moved.lines],
    )
