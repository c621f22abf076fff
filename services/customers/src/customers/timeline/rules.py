"""What the words of a timeline mean, and where customers are hurt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from customers.timeline.errors import PeriodRefused
from shared.statistics import Interval, round_half_away, wilson_interval

# In the order of the journey.
JOURNEY_STAGES = ("attention", "consideration", "decision", "purchase", "service", "advocacy")
# What happened longer ago is not what a response speaks of.
MEMORY = timedelta(days=30)
MAX_PERIOD = timedelta(days=366)
_SHARE_PLACES = 4

# Highest negative and lowest positive score of the questions we know; what lies between is neutral.
_BOUNDS: Mapping[str, tuple[int, int]] = {"nps": (6, 9), "csat": (2, 4), "ces": (3, 5)}
# What a question is about where nothing else tells it: recommending is advocacy, the others ask how something went.
_ASKED_OF: Mapping[str, str] = {"nps": "advocacy"}


def sentiment_of(question: str, score: int) -> str | None:
    """Return negative, neutral or positive for an answer, or None for a question that we do not know.

    Args:
        question: nps (0 to 10), csat (1 to 5), ces (1 to 7, 7 the easiest).
        score: as answered.

    Source: Reichheld 2003 for NPS; for CSAT the two boxes at each end; for CES 2.0 agreement from 5, disagreement to 3.
    """
    bounds = _BOUNDS.get(question)
    if bounds is None:
        return None
    negative_to, positive_from = bounds
    if score <= negative_to:
        return "negative"
    return "positive" if score >= positive_from else "neutral"


def stage_asked_of(question: str) -> str:
    """Return the journey stage that a question is about, where no touch before the answer tells it."""
    return _ASKED_OF.get(question, "service")


@dataclass(frozen=True, slots=True)
class Felt:
    """How the touches of a stage felt within a period.

    Attributes:
        touches: interactions and responses whose sentiment is known.
        negative: the negative ones among them.
        low_responses: responses with a low score among these.
    """

    touches: int = 0
    negative: int = 0
    low_responses: int = 0

    @property
    def fraction(self) -> Fraction | None:
        """The exact share of negative touches; None without touches."""
        return Fraction(self.negative, self.touches) if self.touches else None

    @property
    def share(self) -> float | None:
        """The share of negative touches, 0 to 1, rounded once; None without touches."""
        return None if self.fraction is None else round_half_away(self.fraction, _SHARE_PLACES)

    @property
    def interval(self) -> Interval | None:
        """The Wilson interval of the share at 95 %, rounded; None without touches."""
        exact = wilson_interval(self.negative, self.touches)
        return exact and Interval(round_half_away(exact.low, _SHARE_PLACES), round_half_away(exact.high, _SHARE_PLACES))


def change_between(now: Felt, before: Felt) -> float | None:
    """Return by how much the share of negative touches changed, -1 to 1, rounded once; None where either has no touches."""
    if now.fraction is None or before.fraction is None:
        return None
    return round_half_away(now.fraction - before.fraction, _SHARE_PLACES)


def period_before(starts_at: datetime, ends_at: datetime) -> datetime:
    """Return where the period of the same length before a period starts.

    Raises:
        PeriodRefused: the period is empty or longer than a year.
    """
    if not timedelta(0) < ends_at - starts_at <= MAX_PERIOD:
        raise PeriodRefused(pointer="/from", location="query")
    return starts_at - (ends_at - starts_at)
