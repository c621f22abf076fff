"""The net promoter score."""

from collections.abc import Iterable

from analytics.metrics.rules import Definition
from shared.statistics import NPS_SCORES, NetPromoterScore

DEFINITION = Definition(
    name="nps",
    title="Net promoter score",
    text="Share of answers of 9 or 10 less share of answers of 0 to 6 to the question whether one would recommend us, times 100, of the "
    "answers given on the days of the window in UTC. Skipped questions are no answers. Rounded once; the 95 % interval is adjusted Wald, "
    "clipped to -100 and 100.",
    formula="100 (P - D) / n; N = n + 3, p = (P + .75) / N, d = (D + .75) / N, m = p - d: 100 (m +- 1.96 sqrt((p + d - m^2) / N))",
    parameters={"channel": None},
    version=1,
    source="Reichheld 2003, Harvard Business Review 81(12); Rocks 2016, The American Statistician 70(4).",
)


def score_of(answers: Iterable[tuple[int, int]]) -> NetPromoterScore:
    """Return the score of answers.

    Args:
        answers: pairs of an answer, 0 to 10, and how often it was given; an answer may come several times.
    """
    distribution = [0] * NPS_SCORES
    for score, times in answers:
        distribution[score] += times
    return NetPromoterScore.of(distribution)
