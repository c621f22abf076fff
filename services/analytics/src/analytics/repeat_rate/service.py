"""Answers how many customers buy more than once."""

from datetime import datetime

from analytics.history.repository import HistoryRepository
from analytics.metrics.rules import ZONE, Share, Window, ended, horizon
from analytics.metrics.schemas import share_out
from analytics.repeat_rate.rules import DEFINITION, MEASURE, Occasion, distribution, repeat_rate
from analytics.repeat_rate.schemas import BinOut, CohortRate, RepeatRateAnswer
from analytics.retention.repository import CellsRepository
from shared.database.pool import Connection
from shared.figures.schemas import definition_out, window_out


async def read(connection: Connection, occasion: Occasion, window: Window, now: datetime) -> RepeatRateAnswer:
    """Return the repeat purchase rate.

    Args:
        connection: to read from.
        occasion: what counts as one purchase.
        window: months of first orders; an open start reaches back to the first of all.
        now: the present moment.
    """
    as_of = horizon((await HistoryRepository(connection).state()).latest_order_at, now)
    # A row a month, so that no history is too long for an answer.
    window = ended(window, as_of)
    cohorts = await CellsRepository(connection).cohorts(window.since, window.until, [MEASURE[occasion]])
    shares = {cohort: repeat_rate(counts, occasion) for cohort, counts in sorted(cohorts.items())}
    whole = Share(sum(share.numerator for share in shares.values()), sum(share.denominator for share in shares.values()))
    return RepeatRateAnswer(
        definition=definition_out(DEFINITION.of(occasion=occasion.value)),
        window=window_out(window),
        zone=ZONE,
        as_of=as_of,
        computed_at=now,
        share=share_out(whole),
        cohorts=[CohortRate(cohort=cohort, share=share_out(share)) for cohort, share in shares.items()],
        distribution=[BinOut.model_validate(one) for one in distribution(list(cohorts.values()), occasion)],
    )
