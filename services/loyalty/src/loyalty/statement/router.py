import asyncio
from typing import Annotated

from fastapi import Query, Response

from loyalty.dependencies import ReadsMember
from loyalty.fields import CustomerIdPath, WalletCode
from loyalty.ledger.errors import WalletNotFound
from loyalty.members.errors import MemberNotFound
from loyalty.statement import service
from loyalty.statement.errors import StatementBackwards, StatementTooLong
from loyalty.statement.schemas import Statement, statement_of
from loyalty.statement.texts import Language
from shared.http import APIRouter, Reads, problems
from shared.http.schemas import MomentInput

router = APIRouter(prefix="/v1/members/{customer_id}", tags=["members"])

_RESPONSES = problems(MemberNotFound, WalletNotFound, StatementBackwards, StatementTooLong)
Wallet = Annotated[WalletCode, Query(description="The wallet.")]
Since = Annotated[MomentInput | None, Query(alias="from", description="Its beginning; thirty days before its end when absent.")]
Until = Annotated[MomentInput | None, Query(description="Its end, which does not belong to it; now when absent, and at the latest.")]


@router.get("/statement", operation_id="statements_get", summary="Read a member's statement", responses=_RESPONSES)
async def get_statement(
    customer_id: CustomerIdPath,
    connection: Reads,
    _caller: ReadsMember,
    wallet: Wallet = "points",
    since: Since = None,
    until: Until = None,
) -> Statement:
    """Read what a wallet of a member did over at most 366 days: opening balance, every movement, closing balance."""
    return statement_of(await service.statement(connection, customer_id, wallet, since, until))


@router.get(
    "/statement.pdf",
    operation_id="statements_get_pdf",
    summary="Print a member's statement",
    response_class=Response,
    responses=_RESPONSES | {200: {"description": "The statement, A4.", "content": {"application/pdf": {}}}},
)
async def get_statement_pdf(
    customer_id: CustomerIdPath,
    connection: Reads,
    _caller: ReadsMember,
    wallet: Wallet = "points",
    since: Since = None,
    until: Until = None,
    language: Annotated[Language, Query(description="In which its words are.")] = "en",
) -> Response:
    """Print a statement as PDF, with a picture of the balance, in one of four languages."""
    # Only who prints pays for the fonts.
    from loyalty.statement.pdf import render  # noqa: PLC0415

    facts = await service.statement(connection, customer_id, wallet, since, until)
    paper = await asyncio.to_thread(render, facts, language)
    return Response(paper, media_type="application/pdf", headers={"content-disposition": 'attachment; filename="statement.pdf"'})
