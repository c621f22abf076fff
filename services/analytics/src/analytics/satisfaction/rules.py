"""The answers that the net promoter score counts."""

from collections.abc import Iterable

from shared.statistics import NPS_SCORES


def distribution_of(answers: Iterable[tuple[int, int]]) -> list[int]:
    """Return how often each score was given: eleven counts, for 0 to 10.

    Args:
        answers: pairs of an answer and how often it was given; an answer may come several times.
    """
    distribution = [0] * NPS_SCORES
    for score, times in answers:
        distribution[score] += times
    return distribution
