"""Answers how many customers come back, under the definition that the caller names."""

from datetime import datetime

from analytics.history.repository import HistoryRepository
from analytics.metrics.rules import ZONE, Share, Window, closed, horizon
from analytics.metrics.schemas import share_out
from analytics.purchases.rules import Measure
from analytics.retention.repository import CellsRepository
from analytics.retention.rules import DEFINITIONS, Comparison, GridRow, Kind, compared, grid, is_open_ended, totals
from analytics.retention.schemas import CellOut, CohortOut, RetentionAnswer, SummaryRow, TotalOut
from shared.database.pool import Connection
from shared.figures.schemas import definition_out, window_out

_MEASURES = (Measure.CALENDAR, Measure.ROLLING, Measure.LAST, Measure.CAME_BACK)


async def retention(connection: Connection, kind: Kind, window: Window, columns: int, now: datetime) -> RetentionAnswer:
    """Return the cohorts' table and the comparison of definitions.

    Args:
        connection: to read from.
        kind: which definition.
        window: months of first orders.
        columns: periods at most.
        now: the present moment.
    """
    as_of = horizon((await HistoryRepository(connection).state()).latest_order_at, now)
    window = closed(window, as_of)
    cohorts = await CellsRepository(connection).cohorts(window.since, window.until, _MEASURES) if as_of else {}
    rows = grid(kind, cohorts, as_of, columns) if as_of else []
    comparison = compared(cohorts, as_of) if as_of else Comparison({other: Share(0, 0) for other in Kind}, 0, 0)
    return RetentionAnswer(
        definition=definition_out(DEFINITIONS[kind]),
        window=window_out(window),
        zone=ZONE,
        as_of=as_of,
        computed_at=now,
        open_ended=is_open_ended(kind),
        cohorts=[_cohort_out(row) for row in rows],
        totals=[TotalOut(k=total.k, cohorts=total.cohorts, share=share_out(total.share)) for total in totals(rows)],
        summary=[_summary_row(other, comparison.shares[other]) for other in Kind],
        summary_cohorts=comparison.cohorts,
        summary_cohorts_left_out=comparison.left_out,
    )


def _cohort_out(row: GridRow) -> CohortOut:
    cells = [
        CellOut(k=cell.k, active=cell.active, mature=cell.mature, share=share_out(cell.share) if cell.share else None) for cell in row.cells
    ]
    return CohortOut(cohort=row.cohort, size=row.size, cells=cells)


def _summary_row(kind: Kind, share: Share) -> SummaryRow:
    definition = DEFINITIONS[kind]
    return SummaryRow(
        definition=kind,
        hash=definition.hash,
        text=definition.text,
        customers=share.denominator,
        active=share.numerator,
        numerator=share.numerator,
        denominator=share.denominator,
        percent=share.percent,
    )
