"""Partners: what is agreed with them, and their keys."""

from typing import Any

from asyncpg import Record

from loyalty.partners import repository
from loyalty.partners.errors import PartnerKeyBound, PartnerKeyNotFound, PartnerKeyUnusable, PartnerNotFound
from loyalty.partners.schemas import Partner, PartnerDraft, PartnerTerms
from loyalty.programmes import service as programmes
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version

_PRICES = ("accrual_price", "redemption_price")


async def add(uow: UnitOfWork, draft: PartnerDraft) -> Record:
    """Add a partner.

    Raises:
        ProgrammeNotFound: there is no such programme.
    """
    programme_id = await programmes.require(uow.connection, draft.programme_id)
    return await repository.add(uow.connection, programme_id, _columns(draft))


async def change(uow: UnitOfWork, partner_id: str, terms: PartnerTerms, match: int) -> Record:
    """Agree on other terms; what was posted keeps the prices of its day.

    Raises:
        PartnerNotFound: there is none.
        PreconditionFailed: he was changed since.
    """
    partner = await repository.get(uow.connection, partner_id, lock=True)
    if partner is None:
        raise PartnerNotFound
    check_version(match, partner["version"])
    return await repository.change(uow.connection, partner_id, _columns(terms))


async def found(connection: Connection, partner_id: str) -> Record:
    """Return a partner.

    Raises:
        PartnerNotFound: there is none.
    """
    partner = await repository.get(connection, partner_id)
    if partner is None:
        raise PartnerNotFound
    return partner


async def bind_key(uow: UnitOfWork, partner_id: str, key_id: str, caller: str) -> Record:
    """Let a key post for a partner; binding it twice changes nothing.

    Raises:
        PartnerNotFound: there is no such partner.
        PartnerKeyUnusable: the key is unknown here, revoked, or may do anything else than post for a partner.
        PartnerKeyBound: it is another partner's.
    """
    await found(uow.connection, partner_id)
    if not await repository.is_usable(uow.connection, key_id):
        raise PartnerKeyUnusable
    binding = await repository.bind(uow.connection, key_id, partner_id, caller)
    if binding["partner_id"] != partner_id:
        raise PartnerKeyBound
    return binding


async def unbind_key(uow: UnitOfWork, partner_id: str, key_id: str) -> None:
    """Take a key from a partner.

    Raises:
        PartnerKeyNotFound: it is not his.
    """
    if not await repository.unbind(uow.connection, key_id, partner_id):
        raise PartnerKeyNotFound


def shown(row: Record) -> Partner:
    """Return a partner as callers see him."""
    values = dict(row)
    for name in _PRICES:
        values[name] = {"amount_minor": row[f"{name}_minor"], "points": row[f"{name}_points"]}
    values["earn_rate"] = None if row["earn_points"] is None else {"points": row["earn_points"], "amount_minor": row["earn_minor"]}
    return Partner.model_validate(values)


def _columns(terms: PartnerTerms) -> dict[str, Any]:
    values = terms.model_dump()
    for name in _PRICES:
        price = values.pop(name)
        values |= {f"{name}_minor": price["amount_minor"], f"{name}_points": price["points"]}
    rate = values.pop("earn_rate")
    return values | {"earn_points": rate and rate["points"], "earn_minor": rate and rate["amount_minor"]}
