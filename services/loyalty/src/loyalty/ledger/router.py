from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path

from loyalty.dependencies import ReadsLoyalty, ReadsMember
from loyalty.earning import explaining
from loyalty.fields import CustomerIdPath
from loyalty.ledger import reading
from loyalty.ledger.errors import EntryNotFound
from loyalty.ledger.schemas import Entry, EntryDetail, Explanation, Lot
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from shared.http import APIRouter, Page, PageQuery, Reads, problems

router = APIRouter(tags=["members"])
entry_router = APIRouter(prefix="/v1/entries", tags=["ledger"])

EntryId = Annotated[str, Path(description="The entry.", max_length=200, examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


@router.get(
    "/v1/members/{customer_id}/entries", operation_id="entries_list", summary="List a member's entries", responses=problems(MemberNotFound)
)
async def list_entries(customer_id: CustomerIdPath, page: PageQuery, connection: Reads, _caller: ReadsMember) -> Page[Entry]:
    """List every movement of a member's wallets, newest first."""
    after = page.key(datetime, str)
    await members.require(connection, customer_id)
    rows = await reading.page_of_entries(connection, customer_id, page.fetch, after)
    return page.page(rows, key=lambda row: (row.occurred_at, row.id), item=Entry.model_validate)


@router.get("/v1/members/{customer_id}/lots", operation_id="lots_list", summary="List a member's lots", responses=problems(MemberNotFound))
async def list_lots(customer_id: CustomerIdPath, page: PageQuery, connection: Reads, _caller: ReadsMember) -> Page[Lot]:
    """List what is left of what a member was given, first what is spent first: what expires first."""
    after = page.key(int, int, datetime, str)
    await members.require(connection, customer_id)
    rows = await reading.page_of_lots(connection, customer_id, page.fetch, after)
    return page.page(rows, key=_key_of_lot, item=Lot.model_validate)


@entry_router.get("/{entry_id}", operation_id="entries_get", summary="Read an entry", responses=problems(EntryNotFound))
async def get_entry(entry_id: EntryId, connection: Reads, _caller: ReadsLoyalty) -> EntryDetail:
    """Read an entry with its postings, the lots that it made or drew from, and its place in the chain."""
    return EntryDetail.model_validate(await reading.entry(connection, entry_id))


@entry_router.get("/{entry_id}/explanation", operation_id="entries_explain", summary="Explain an entry", responses=problems(EntryNotFound))
async def explain_entry(entry_id: EntryId, connection: Reads, _caller: ReadsLoyalty) -> Explanation:
    """Tell why an entry has the points that it has: the rules, their inputs and the arithmetic, and what doing it again gives."""
    return Explanation.model_validate(await explaining.explanation(connection, entry_id))


def _key_of_lot(row: reading.LotRow) -> tuple[int, int, datetime, str]:
    return (row.expires_key, row.own_key, row.earned_at.astimezone(UTC), row.id)
