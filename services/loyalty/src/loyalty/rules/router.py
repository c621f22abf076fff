from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Response

from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty
from loyalty.fields import ProgrammeQuery
from loyalty.ledger.errors import WalletNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.service import require
from loyalty.rules import repository, service
from loyalty.rules.errors import ConditionInvalid, NothingToPublish, PeriodInvalid, PublishedEarlier, RuleNotFound
from loyalty.rules.schemas import Publication, Rule, RuleDraft, RuleIdPath, RulePatch
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, IfMatch, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import set_etag
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1/rules", tags=["rules"])


@router.get("", operation_id="rules_list", summary="List earning rules", responses=problems(ProgrammeNotFound))
async def list_rules(page: PageQuery, connection: Reads, _caller: ReadsLoyalty, programme_id: ProgrammeQuery = None) -> Page[Rule]:
    """List the earning rules of a programme with their versions, oldest first."""
    programme = await require(connection, programme_id)
    rows = await repository.page(connection, programme, page.fetch, page.key(datetime, str))
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=_view)


@router.post(
    "",
    operation_id="rules_create",
    summary="Draft an earning rule",
    status_code=201,
    responses=problems(ProgrammeNotFound, ConditionInvalid, WalletNotFound),
)
async def create(wanted: RuleDraft, response: Response, uow: Uow, _caller: ManagesLoyalty) -> Rule:
    """Make a rule as a draft; it earns nothing before it is published."""
    row = await service.make(uow, wanted)
    response.headers["location"] = f"/v1/rules/{row['id']}"
    return _answer(row, response)


@router.get("/{rule_id}", operation_id="rules_get", summary="Read an earning rule", responses=problems(RuleNotFound))
async def get(rule_id: RuleIdPath, response: Response, connection: Reads, _caller: ReadsLoyalty) -> Rule:
    """Read a rule with all its versions."""
    rule = _view(row := await service.found(connection, rule_id))
    # With time what is published ends.
    set_etag(response, row["version"], *(version.state for version in rule.versions))
    return rule


@router.patch(
    "/{rule_id}",
    operation_id="rules_update",
    summary="Change an earning rule",
    responses=problems(RuleNotFound, ConditionInvalid, WalletNotFound, PeriodInvalid, PreconditionFailed, PreconditionRequired),
)
async def amend(rule_id: RuleIdPath, patch: RulePatch, match: IfMatch, response: Response, uow: Uow, _caller: ManagesLoyalty) -> Rule:
    """Change the name, what the next version says, or when the published one ends; what is published never changes otherwise."""
    return _answer(await service.amend(uow, rule_id, changes(patch), match), response)


@router.post(
    "/{rule_id}/publish",
    operation_id="rules_publish",
    summary="Publish an earning rule",
    responses=problems(RuleNotFound, NothingToPublish, PublishedEarlier, PeriodInvalid),
)
async def publish(rule_id: RuleIdPath, wanted: Publication, response: Response, uow: Uow, _caller: ManagesLoyalty) -> Rule:
    """Publish the draft: it counts for what happens from `effective_from` on, in place of the version before."""
    return _answer(await service.publish(uow, rule_id, wanted), response)


def _answer(row: Mapping[str, Any], response: Response) -> Rule:
    set_etag(response, row["version"])
    return _view(row)


def _view(row: Mapping[str, Any]) -> Rule:
    facts: dict[str, Any] = dict(row)
    return Rule.model_validate({**facts, "state": facts["versions"][0]["state"]})
