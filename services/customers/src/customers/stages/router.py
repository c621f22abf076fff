"""Routes of stages."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query, Response

from customers.dependencies import Now, ReadsCustomer, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from customers.stages import service
from customers.stages.errors import PeriodInvalid, StageRulesInvalid, StageUnknown
from customers.stages.rules import furthest
from customers.stages.schemas import StageDraft, StageMove, StageRules, StageRulesDraft, Stages, StageSummary, TrackInPath
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.pagination import Page, PageQuery
from shared.http.schemas import MomentInput

router = APIRouter(prefix="/v1", tags=["stages"])

_DEFAULT_PERIOD = timedelta(days=90)


@router.get("/customers/{customer_id}/stages", operation_id="stages_get", responses=problems(CustomerNotFound))
async def get_stages(customer_id: CustomerIdInPath, connection: Reads, _: ReadsCustomer) -> Stages:
    """Return where a customer is: the furthest of his records on the lifecycle, the last to move on the journey."""
    return Stages.of(await service.places(connection, customer_id))


@router.get("/customers/{customer_id}/stage-history", operation_id="stages_history", responses=problems(CustomerNotFound))
async def get_history(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[StageMove]:
    """List the moves of a customer on both tracks, newest first."""
    rows = await service.history(connection, customer_id, page.key(datetime, int, str), page.fetch)
    return page.page(rows, key=lambda row: (row["entered_at"], row["number"], row["customer_id"]), item=StageMove.of)


@router.put("/customers/{customer_id}/stages/{track}", operation_id="stages_set", responses=problems(CustomerNotFound, StageUnknown))
async def set_stage(
    customer_id: CustomerIdInPath, track: TrackInPath, draft: StageDraft, uow: Uow, now: Now, caller: WritesCustomers
) -> Stages:
    """Move a customer by hand, also back; it stands until something newer happens."""
    state = await service.move_by_hand(
        uow, customer_id, track, draft.stage, explanation=draft.reason, actor=caller.principal, now=now.now()
    )
    found = furthest([state])
    return Stages.of({"lifecycle": found.get("lifecycle"), "journey": found.get("journey")})


@router.get("/stages/summary", operation_id="stages_summary", responses=problems(PeriodInvalid))
async def get_summary(
    connection: Reads,
    now: Now,
    _: ReadsCustomers,
    starts_at: Annotated[MomentInput | None, Query(description="Beginning of the period; 90 days before its end when absent.")] = None,
    ends_at: Annotated[MomentInput | None, Query(description="End of the period, not within; now when absent.")] = None,
) -> StageSummary:
    """Return how many are in each stage, how long they stay, and who moved within a period of at most 366 days."""
    end = ends_at or now.now()
    start = starts_at or end - _DEFAULT_PERIOD
    return StageSummary.model_validate({"starts_at": start, "ends_at": end, **await service.summary(connection, start, end)})


@router.get("/stage-rules", operation_id="stage_rules_get")
async def get_rules(response: Response, connection: Reads, _: ReadsCustomers) -> StageRules:
    """Return the rules that move customers."""
    present = await service.rules_in_force(connection)
    set_etag(response, present.version + 1)
    return StageRules.of(present)


@router.put("/stage-rules", operation_id="stage_rules_set", responses=problems(StageRulesInvalid, PreconditionFailed, PreconditionRequired))
async def set_rules(draft: StageRulesDraft, match: IfMatch, response: Response, uow: Uow, caller: WritesCustomers) -> StageRules:
    """Replace the rules that move customers; where customers are already, they stay."""
    present = await service.set_rules(uow, [rule.rule() for rule in draft.rules], match, caller.principal)
    set_etag(response, present.version + 1)
    return StageRules.of(present)
