"""Records what customers say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from asyncpg import Record

from feedback.responses import rules
from feedback.responses.errors import CustomerIsErased, ResponseDiffers, ResponseNotFound
from feedback.responses.repository import Added, ResponseRepository
from feedback.responses.rules import Answer
from feedback.responses.schemas import RESPONSE, Conditions, Response, ResponseDraft, Scale
from shared.contracts.feedback import ResponseRecorded
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError
from shared.following.links import family
from shared.http import Caller, Page
from shared.http.batches import ItemResult, created, existed, read_items, refused
from shared.http.pagination import PageRequest


async def record(uow: UnitOfWork, draft: ResponseDraft, caller: Caller, now: datetime) -> Added:
    """Record one answer, or find it when it was recorded under its external id before.

    Raises:
        NotYourself: a member answers for somebody else.
        AnsweredInFuture: it lies ahead.
        CustomerIsErased: the customer wanted to be forgotten.
        ResponseDiffers: its external id belongs to another response.
    """
    answer = replace(draft.answer(), customer_id=rules.speaks_for(draft.customer_id, caller.customer_id))
    rules.check_moment(answer, now)
    (added,) = await _add(uow, [answer])
    if added is None:
        raise CustomerIsErased(pointer="/customer_id")
    if not rules.same_answer(_answer_of(added.row), answer):
        raise ResponseDiffers(pointer="/external_id")
    return added


async def record_batch(uow: UnitOfWork, items: Sequence[object], now: datetime) -> list[ItemResult]:
    """Record many answers; each gets a result of its own, in order."""
    results: list[Answer | ItemResult] = [_checked(item, now) for item in read_items(RESPONSE, items)]
    answers = [result for result in results if isinstance(result, Answer)]
    stored = iter(await _add(uow, answers) if answers else ())
    return [_result(result, next(stored)) if isinstance(result, Answer) else result for result in results]


async def get(connection: Connection, response_id: str) -> Response:
    """Return a response.

    Raises:
        ResponseNotFound: there is none with this id.
    """
    row = await ResponseRepository(connection).find(response_id)
    if row is None:
        raise ResponseNotFound
    return shown(row)


async def list_responses(connection: Connection, wanted: Conditions, page: PageRequest) -> Page[Response]:
    """Return a part of the responses that fit, newest first."""
    rows = await ResponseRepository(connection).list(await _of_family(connection, wanted), page)
    return page.page(rows, key=lambda row: (row["answered_at"], row["id"]), item=shown)


def shown(row: Record) -> Response:
    """Return what is shown of a row of `responses`."""
    return Response(**row, scale=Scale(min=row["scale_min"], max=row["scale_max"]))


async def _of_family(connection: Connection, wanted: Conditions) -> Mapping[str, Any]:
    """Ask for all who are one person with the customer that is asked for."""
    if "customer_id" not in wanted:
        return wanted
    ids = (await family(connection, str(wanted["customer_id"]))).ids
    others = {name: value for name, value in wanted.items() if name != "customer_id"}
    return others | ({"customer_id": ids[0]} if len(ids) == 1 else {"customer_ids": ids})


async def _add(uow: UnitOfWork, answers: Sequence[Answer]) -> list[Added | None]:
    added = await ResponseRepository(uow.connection).add(answers)
    for one in added:
        if one is not None and one.is_new:
            uow.publish(_event(one.row), sequence=one.row["version"])
    return added


def _checked(item: ResponseDraft | ItemResult, now: datetime) -> Answer | ItemResult:
    if isinstance(item, ItemResult):
        return item
    answer = item.answer()
    try:
        rules.check_moment(answer, now)
    except DomainError as error:
        return refused(error)
    return answer


def _result(sent: Answer, added: Added | None) -> ItemResult:
    if added is None:
        return refused(CustomerIsErased(pointer="/customer_id"))
    if added.is_new:
        return created(added.row["id"])
    if rules.same_answer(_answer_of(added.row), sent):
        return existed(added.row["id"])
    return refused(ResponseDiffers(pointer="/external_id"))


def _answer_of(row: Record) -> Answer:
    return Answer(row["external_id"], row["customer_id"], row["question"], row["score"], row["channel"], row["comment"], row["answered_at"])


def _event(row: Record) -> ResponseRecorded:
    """The words stay at home."""
    return ResponseRecorded(
        response_id=row["id"],
        subject_id=row["customer_id"] or row["id"],
        customer_id=row["customer_id"],
        question=row["question"],
        score=row["score"],
        channel=row["channel"],
        has_comment=row["comment"] is not None,
        answered_at=row["answered_at"],
    )
