"""What every service lets its operators do: look at dead letters, and try them again in order."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field
from starlette.requests import Request

from shared.http.callers import Caller, requires
from shared.http.routing import APIRouter
from shared.http.schemas import InputModel, OutputModel
from shared.http.state import AppState, state_of
from shared.http.unit import Uow
from shared.messaging.apply import Applied, Applier
from shared.messaging.dead_letters import DeadLetter, list_dead, redrive
from shared.messaging.inbox import PostgresInboxStore

_MAX_LETTERS = 100
# Each key is a transaction of its own, and the caller waits for all.
_MAX_KEYS = 100

router = APIRouter(prefix="/v1/operations", tags=["operations"])

Watches = Annotated[Caller, requires("operations:read")]
Operates = Annotated[Caller, requires("operations:write")]
Fingerprint = Annotated[str, Field(min_length=1, max_length=200, description="One group of alike failures.", examples=["5f0c1a2b3c4d5e6f"])]


class DeadLetterView(OutputModel):
    """An event that its handler refuses; its content is never shown."""

    event_id: UUID = Field(description="Id of the event.")
    type: str = Field(description="Type of the event; empty for a record that is none.", examples=["regulars.customers.order_placed.v1"])
    topic: str = Field(description="Where it came from.", examples=["regulars.customers"])
    partition: int = Field(description="Where it came from.", examples=[3])
    offset: int = Field(description="Its place there.", examples=[4711])
    error: str = Field(description="Class of the error and where it was raised.", examples=["PermanentError at loyalty/accruals.py:40"])
    fingerprint: str = Field(description="The same for failures that are alike.", examples=["5f0c1a2b3c4d5e6f"])
    attempts: int = Field(description="How often it was tried.", examples=[1])
    failed_at: datetime = Field(description="When it failed last.")
    waiting: int = Field(description="Events of the same key that queue behind it.", examples=[2])


class DeadLetters(OutputModel):
    """Dead letters, newest first."""

    data: list[DeadLetterView] = Field(description="At most as many as asked for.")


class RedriveRequest(InputModel):
    """What is to be tried again."""

    dry_run: bool = Field(default=True, description="Only show what would happen; say false to do it.", examples=[True])
    fingerprint: Fingerprint | None = Field(default=None, description="One group of alike failures; all when absent.")
    keys: int = Field(default=_MAX_KEYS, ge=1, le=_MAX_KEYS, description="Keys at most; each is tried with its whole queue.", examples=[10])


class RedriveAnswer(OutputModel):
    """What became of the events, or would."""

    dry_run: bool = Field(description="Whether nothing was changed.")
    keys: int = Field(description="Keys that were tried.", examples=[1])
    applied: int = Field(description="Events that were applied.", examples=[3])
    dead: int = Field(description="Events that are refused again.", examples=[0])
    behind: int = Field(description="Events that go on waiting.", examples=[0])


@router.get("/dead-letters", operation_id="operations_list_dead_letters")
async def list_dead_letters(
    request: Request,
    _caller: Watches,
    fingerprint: Annotated[str | None, Query(max_length=200, description="One group of alike failures.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_LETTERS, description="Letters at most.")] = 20,
) -> DeadLetters:
    """List the events that this service's handlers refuse."""
    state = state_of(request)
    letters = await list_dead(state.opened(), state.service.name, fingerprint=fingerprint, limit=limit)
    return DeadLetters(data=[_shown(letter) for letter in letters])


@router.post("/redrives", operation_id="operations_redrive")
async def redrive_dead_letters(wanted: RedriveRequest, request: Request, _caller: Operates, _uow: Uow) -> RedriveAnswer:
    """Try dead letters again, each key with its queue and in order; a dry run unless told otherwise."""
    state = state_of(request)
    attempts = redrive(
        state.opened(), _applier(state), state.service.name, fingerprint=wanted.fingerprint, commit=not wanted.dry_run, limit=wanted.keys
    )
    tried = [applied async for applied in attempts]
    return _answer(tried, dry_run=wanted.dry_run)


def _applier(state: AppState) -> Applier:
    return Applier(state.service.handlers, PostgresInboxStore(state.opened(), state.service.name, state.after_commit))


def _shown(letter: DeadLetter) -> DeadLetterView:
    return DeadLetterView.model_validate(letter)


def _answer(tried: list[Applied], *, dry_run: bool) -> RedriveAnswer:
    return RedriveAnswer(
        dry_run=dry_run,
        keys=len(tried),
        applied=sum(each.applied for each in tried),
        dead=sum(each.dead for each in tried),
        behind=sum(each.behind for each in tried),
    )
