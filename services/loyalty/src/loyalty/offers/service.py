"""Personal offers from what members buy: campaigns, what members do with offers, and what came of it.

How offers are made is in `generating`, which order redeems one in `settling`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from loyalty.earning.repository import lock_pools
from loyalty.members import service as members
from loyalty.offers import generating, purchases, repository, settling
from loyalty.offers.errors import (
    OfferCampaignNotFound,
    OfferCampaignStopped,
    OfferCodesGone,
    OfferExpired,
    OfferNotFound,
    OfferTermsInvalid,
)
from loyalty.offers.rules import Group, State, state_of
from loyalty.offers.schemas import OfferCampaignDraft, PercentOff
from loyalty.programmes import service as programmes
from loyalty.rewards import repository as rewards
from loyalty.vouchers import repository as vouchers
from shared.contracts.customers import OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.loyalty import OfferActivated
from shared.contracts.loyalty import OfferExpired as OfferHasExpired
from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family
from shared.http.etags import check_version
from shared.http.jobs import enqueue
from shared.ids import new_id

_BP = 100


async def make_campaign(uow: UnitOfWork, draft: OfferCampaignDraft) -> Record:
    """Keep a campaign; nothing is offered yet.

    Raises:
        ProgrammeNotFound: there is no such programme.
        OfferTermsInvalid: its benefit names a batch that is none of percentages, or needs an activation that it does not ask for.
    """
    programme_id = await programmes.require(uow.connection, draft.programme_id)
    campaign_id = new_id("ofc")
    batch_id = None
    if isinstance(draft.benefit, PercentOff):
        batch_id = draft.benefit.voucher_batch_id
        batch = await vouchers.batch_for(uow.connection, batch_id, programme_id)
        if batch is None or batch["kind"] != "percent":
            raise OfferTermsInvalid(pointer="/benefit/voucher_batch_id")
        if not draft.needs_activation:
            raise OfferTermsInvalid(pointer="/needs_activation")
    looking = draft.looking.model_dump()
    values = {
        "name": draft.name,
        "strategy": looking.pop("strategy"),
        "parameters": looking,
        "benefit": draft.benefit.model_dump(),
        "voucher_batch_id": batch_id,
        "validity_days": draft.validity_days,
        "control_share_bp": draft.control_share * _BP,
        "max_per_member": draft.max_per_member,
        "needs_activation": draft.needs_activation,
        "salt": draft.salt or campaign_id,
    }
    return await repository.add_campaign(uow.connection, campaign_id, programme_id, values)


async def found_campaign(connection: Connection, campaign_id: str) -> Record:
    """Return a campaign.

    Raises:
        OfferCampaignNotFound: there is none.
    """
    row = await repository.find_campaign(connection, campaign_id)
    if row is None:
        raise OfferCampaignNotFound
    return row


async def amend_campaign(uow: UnitOfWork, campaign_id: str, changes: Mapping[str, Any], match: int) -> Record:
    """Rename a campaign, stop it, or let it go on.

    Raises:
        OfferCampaignNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
    """
    row = await repository.find_campaign(uow.connection, campaign_id, lock=True)
    if row is None:
        raise OfferCampaignNotFound
    check_version(match, row["version"])
    return await repository.amend_campaign(
        uow.connection, campaign_id, changes.get("name", row["name"]), active=changes.get("active", row["active"])
    )


async def start(uow: UnitOfWork, campaign_id: str, *, caller: str) -> tuple[str, datetime]:
    """Queue the job that makes the offers of a campaign for all members as of now; return its id and the moment.

    Raises:
        OfferCampaignNotFound: there is none.
        OfferCampaignStopped: it was stopped.
        ProgrammeNotRunning: its programme does not run now.
    """
    campaign = await found_campaign(uow.connection, campaign_id)
    if not campaign["active"]:
        raise OfferCampaignStopped
    moment = await database_now(uow.connection)
    await programmes.require_running(uow.connection, campaign["programme_id"], moment)
    arguments = {"campaign_id": campaign_id, "as_of": moment.isoformat()}
    return await enqueue(uow, generating.GENERATE, arguments, caller=caller), moment


async def results(connection: Connection, campaign_id: str) -> tuple[datetime, Record, Group, Group]:
    """Return the moment, what became of a campaign's offers, and what those with offers and those held out did until then.

    Raises:
        OfferCampaignNotFound: there is none.
    """
    await found_campaign(connection, campaign_id)
    moment = await database_now(connection)
    told = {row["is_control"]: row for row in await repository.groups(connection, campaign_id, moment)}
    offered, control = (_group(told.get(is_control)) for is_control in (False, True))
    return moment, await repository.counts(connection, campaign_id), offered, control


async def offers_of(
    connection: Connection,
    customer_id: str,
    limit: int,
    after: tuple[Any, ...] | None,
    *,
    ended: bool,
    programme_id: str | None = None,
) -> list[Record]:
    """Return the offers of a person, of all programmes or of one, first what ends first; what is redeemed or over only when asked for.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
    """
    await members.require(connection, customer_id)
    await programmes.require(connection, programme_id)
    person = await family(connection, customer_id)
    return await repository.page(connection, person.ids, limit, after, ended=ended, programme_id=programme_id)


async def found(connection: Connection, offer_id: str, customer_id: str | None = None) -> Record:
    """Return an offer, of a person when one is named.

    Raises:
        OfferNotFound: there is none, it is held out, or it is somebody else's.
    """
    row = await repository.find(connection, offer_id)
    if row is None or (customer_id is not None and row["customer_id"] not in (await family(connection, customer_id)).ids):
        raise OfferNotFound
    return row


def standing(row: Record) -> State:
    """Return where an offer stood when it was read."""
    return state_of(row["now"], row["valid_until"], viewed_at=row["viewed_at"], activated_at=row["activated_at"], order_id=row["order_id"])


async def view(uow: UnitOfWork, offer_id: str, customer_id: str | None = None) -> Record:
    """Note that a member looked at an offer; the first time counts.

    Raises:
        OfferNotFound: there is none, or it is somebody else's.
    """
    row = await found(uow.connection, offer_id, customer_id)
    if row["viewed_at"] is None:
        await repository.view(uow.connection, offer_id, row["now"])
    return await found(uow.connection, offer_id)


async def activate(uow: UnitOfWork, offer_id: str, customer_id: str | None = None) -> Record:
    """Take an offer up, and give its code where it is one; once more changes nothing.

    Raises:
        OfferNotFound: there is none, or it is somebody else's.
        OfferExpired: it is over.
        OfferCodesGone: no code is left.
    """
    connection = uow.connection
    known = await found(connection, offer_id, customer_id)
    await lock_pools(connection, [known["customer_id"]])
    row = await repository.find(connection, offer_id, lock=True)
    if row is None:
        raise OfferNotFound
    if row["activated_at"] is not None or row["order_id"] is not None:
        return row
    if standing(row) == "expired":
        raise OfferExpired
    codes: Sequence[str | None] = [None]
    if row["voucher_batch_id"] is not None:
        codes = await rewards.take_codes(connection, row["voucher_batch_id"], row["customer_id"], 1)
        if not codes:
            raise OfferCodesGone
    version = await repository.activate(connection, offer_id, row["now"], codes[0])
    event = OfferActivated(offer_id=offer_id, customer_id=row["customer_id"], campaign_id=row["campaign_id"], activated_at=row["now"])
    uow.publish(event, sequence=version)
    return await found(connection, offer_id)


async def note_expired(uow: UnitOfWork, many: int, *, at: datetime | None = None) -> int:
    """Tell of up to so many offers that are over; return how many. Nothing waits for it."""
    rows = await repository.expire(uow.connection, many, at)
    for row in rows:
        event = OfferHasExpired(
            offer_id=row["id"], customer_id=row["customer_id"], campaign_id=row["campaign_id"], expired_at=row["valid_until"]
        )
        uow.publish(event, sequence=row["version"])
    return len(rows)


async def bought(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> list[str]:
    """Remember what was bought, before it is posted; return the offers to `settle` once it is.

    Raises:
        UnusableEvent: an order holds a value that no order can have.
    """
    return await _concerned(uow, orders, has_campaigns=await purchases.remember(uow.connection, orders), are_placed=True)


async def came_back(uow: UnitOfWork, returns: Sequence[OrderReturned]) -> list[str]:
    """Remember what came back, before it is posted; return the offers to `settle` once it is.

    Raises:
        UnusableEvent: a return holds a value that no return can have.
    """
    return await _concerned(uow, returns, has_campaigns=await purchases.take_back(uow.connection, returns))


async def cancelled(uow: UnitOfWork, orders: Sequence[OrderCancelled]) -> list[str]:
    """Return the offers to `settle` once the cancellations are posted."""
    return await _concerned(uow, orders, has_campaigns=await purchases.has_campaigns(uow.connection))


async def settle(uow: UnitOfWork, offer_ids: Sequence[str]) -> None:
    """Redeem offers by orders that are posted, or take back what they gave."""
    await settling.settle(uow, offer_ids)


async def _concerned(
    uow: UnitOfWork,
    events: Sequence[OrderPlaced] | Sequence[OrderReturned] | Sequence[OrderCancelled],
    *,
    has_campaigns: bool,
    are_placed: bool = False,
) -> list[str]:
    # Locked before anything else locks some of them: what an offer gives may touch all whose points they share.
    if not has_campaigns:
        return []
    customers, earliest = [event.customer_id for event in events], min(event.placed_at for event in events)
    return await purchases.concerned(uow.connection, customers, earliest, are_placed=are_placed)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete what erased customers bought and were offered."""
    return await repository.erase(connection, ids)


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what customers bought and were offered."""
    return await repository.collect(connection, ids)


def _group(row: Record | None) -> Group:
    if row is None:
        return Group(0, 0, 0, 0)
    return Group(row["members"], row["converted"], row["spent_minor"], int(row["spent_squared"]))
