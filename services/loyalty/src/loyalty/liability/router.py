from datetime import date
from typing import Annotated, Literal

from fastapi import Query, Response

from loyalty.dependencies import ClockDep, ManagesLoyalty, ReadsLoyalty
from loyalty.fields import ProgrammeQuery
from loyalty.ledger.rules import POINTS
from loyalty.liability import service
from loyalty.liability.errors import ReportInvalid, ValueExists
from loyalty.liability.repository import CostRow, OutstandingRow, ValueRow
from loyalty.liability.rules import TESTED_AHEAD, Forecast, Horizon
from loyalty.liability.schemas import (
    BackTestCheck,
    Breakage,
    BreakageEstimate,
    Cohort,
    CostLine,
    Costs,
    HorizonEstimate,
    Liability,
    Outstanding,
    PointValue,
    PointValueInput,
    PointValues,
    RollForward,
)
from loyalty.members.router import AsOf, KnownAt
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.router import ProgrammeIdPath
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.schemas import MomentInput

router = APIRouter(prefix="/v1/liability", tags=["liability"])
value_router = APIRouter(prefix="/v1/programmes", tags=["liability"])

Since = Annotated[MomentInput | None, Query(alias="from", description="From then on; a year before the end when absent.")]
Until = Annotated[MomentInput | None, Query(description="Until before then; the present when absent.")]
By = Annotated[Literal["month", "year"], Query(description="A line a month or a year.")]
Format = Annotated[Literal["json", "csv"], Query(description="As JSON or as a table.")]


@value_router.get(
    "/{programme_id}/point-value", operation_id="point_values_get", summary="Read what a point costs", responses=problems(ProgrammeNotFound)
)
async def get_value(programme_id: ProgrammeIdPath, connection: Reads, _caller: ReadsLoyalty, clock: ClockDep) -> PointValues:
    """Read what a point of a programme costs now, cost before and will cost."""
    current, rows = await service.values(connection, programme_id, clock.now())
    return PointValues(
        current=PointValue.model_validate(current) if current else None, versions=[PointValue.model_validate(row) for row in rows]
    )


@value_router.put(
    "/{programme_id}/point-value",
    operation_id="point_values_set",
    summary="Change what a point costs",
    responses=problems(ProgrammeNotFound, ValueExists),
)
async def put_value(
    programme_id: ProgrammeIdPath, wanted: PointValueInput, uow: Uow, _caller: ManagesLoyalty, clock: ClockDep
) -> PointValue:
    """Let a point cost something else from a moment on."""
    return PointValue.model_validate(await service.add_value(uow, programme_id, wanted, clock.now()))


@router.get("", operation_id="liability_get", summary="Read what is owed to members", responses=problems(ProgrammeNotFound))
async def get_liability(
    connection: Reads,
    _caller: ReadsLoyalty,
    clock: ClockDep,
    programme_id: ProgrammeQuery = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Liability:
    """Read the outstanding points of all members, their value, and how many of them will be spent; now or at any instant."""
    programme, now = await programmes.require(connection, programme_id), clock.now()
    rows = await service.outstanding(connection, programme, as_of, known_at, now)
    value = await service.value_at(connection, programme, as_of)
    told = await service.breakage(connection, programme, as_of, known_at, now)
    wallets = [_wallet(row, value) for row in rows]
    spendable = [row for row in rows if row.kind == "points"]
    points = sum(row.outstanding for row in spendable)
    return Liability(
        programme_id=programme,
        as_of=as_of or now,
        known_at=known_at or now,
        outstanding=points,
        pending=sum(row.pending for row in spendable),
        value_minor=service.worth(points, value) if value else None,
        currency=value.currency if value else None,
        wallets=wallets,
        breakage=_estimate(told, value),
    )


@router.get("/breakage", operation_id="liability_breakage", summary="Estimate breakage", responses=problems(ProgrammeNotFound))
async def get_breakage(
    connection: Reads,
    _caller: ReadsLoyalty,
    clock: ClockDep,
    programme_id: ProgrammeQuery = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Breakage:
    """Estimate how many points will never be spent, by month of earning, with a back-test of the same estimate at past cut-offs."""
    programme = await programmes.require(connection, programme_id)
    told = await service.breakage(connection, programme, as_of, known_at, clock.now())
    value = await service.value_at(connection, programme, as_of)
    checks = [BackTestCheck(month=_month(check.month), expected=check.expected, actual=check.actual) for check in told.checks]
    return Breakage(programme_id=programme, wallet=POINTS, estimate=_estimate(told, value), cohorts=_cohorts(told), back_test=checks)


@router.get(
    "/roll-forward",
    operation_id="liability_roll_forward",
    summary="Roll the outstanding points forward",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}} | problems(ProgrammeNotFound, ReportInvalid),
    response_model=RollForward,
)
async def get_roll_forward(
    connection: Reads,
    _caller: ReadsLoyalty,
    clock: ClockDep,
    programme_id: ProgrammeQuery = None,
    since: Since = None,
    until: Until = None,
    by: By = "month",
    format: Format = "json",  # noqa: A002 (the name that callers know)
) -> RollForward | Response:
    """Tell how the outstanding points became what they are: what was issued, redeemed, expired, adjusted, transferred and reversed."""
    programme = await programmes.require(connection, programme_id)
    begins, ends = service.period(since, until, clock.now())
    lines = await service.roll_forward(connection, programme, begins, ends, by)
    if format == "csv":
        return Response(service.as_csv(lines), media_type="text/csv; charset=utf-8")
    return RollForward(programme_id=programme, since=begins, until=ends, by=by, data=lines)


@router.get("/costs", operation_id="liability_costs", summary="Tell what points cost", responses=problems(ProgrammeNotFound, ReportInvalid))
async def get_costs(
    connection: Reads,
    _caller: ReadsLoyalty,
    clock: ClockDep,
    programme_id: ProgrammeQuery = None,
    since: Since = None,
    until: Until = None,
) -> Costs:
    """Tell what each rule gave in a period, what of it was taken back, and what it costs at the point's value of each day."""
    programme = await programmes.require(connection, programme_id)
    begins, ends = service.period(since, until, clock.now())
    rows = await service.costs(connection, programme, begins, ends)
    return Costs(
        programme_id=programme,
        since=begins,
        until=ends,
        points=sum(row.given - row.taken_back for row in rows),
        data=[_cost(row) for row in rows],
    )


def _wallet(row: OutstandingRow, value: ValueRow | None) -> Outstanding:
    worth, currency = None, None
    if row.kind == "stored_value":
        worth, currency = row.outstanding, row.currency
    elif row.kind == "points" and value is not None:
        worth, currency = service.worth(row.outstanding, value), value.currency
    return Outstanding(
        wallet=row.wallet,
        kind=row.kind,
        outstanding=row.outstanding,
        pending=row.pending,
        members=row.members,
        value_minor=worth,
        currency=currency,
    )


def _estimate(told: Forecast, value: ValueRow | None) -> BreakageEstimate:
    is_told = told.reason is None
    left = sum(cohort.outstanding for cohort in told.cohorts)
    return BreakageEstimate(
        reliable=is_told,
        reason=told.reason,
        months=told.months,
        expected_redemptions=told.expected if is_told else None,
        expected_redemptions_low=told.low if is_told else None,
        expected_redemptions_high=told.high if is_told else None,
        breakage=left - told.expected if is_told else None,
        breakage_low=left - told.high if is_told else None,
        breakage_high=left - told.low if is_told else None,
        expected_value_minor=service.worth(told.expected, value) if is_told and value else None,
        level=round(told.level, 4) if is_told else None,
        tested_ahead_months=TESTED_AHEAD,
        coverage=round(told.coverage, 4) if is_told and told.coverage is not None else None,
        evaluations=told.evaluations if is_told else 0,
        horizons=[_horizon(one) for one in told.horizons],
    )


def _horizon(told: Horizon) -> HorizonEstimate:
    return HorizonEstimate(
        months_ahead=told.ahead,
        expected_redemptions=told.expected,
        expected_redemptions_low=told.low,
        expected_redemptions_high=told.high,
        level=round(told.level, 4),
        cut_offs=len(told.checks),
        coverage=round(told.coverage, 4) if told.coverage is not None else None,
        evaluations=told.evaluations,
    )


def _cohorts(told: Forecast) -> list[Cohort]:
    is_told = told.reason is None
    found = []
    for one in told.cohorts:
        ultimate = one.redeemed + one.expected
        found.append(
            Cohort(
                month=_month(one.month),
                earned=one.earned,
                redeemed=one.redeemed,
                gone=one.gone,
                outstanding=one.outstanding,
                expected_redemptions=one.expected if is_told else None,
                ultimate_redemption_rate=round(ultimate / one.earned, 4) if is_told and one.earned > 0 else None,
            )
        )
    return found


def _cost(row: CostRow) -> CostLine:
    return CostLine(
        source=row.source,
        entries=row.entries,
        points_given=row.given,
        points_taken_back=row.taken_back,
        points=row.given - row.taken_back,
        cost_minor=row.cost_minor,
        currency=row.currency,
    )


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
