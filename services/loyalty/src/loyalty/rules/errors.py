"""What can go wrong with earning rules.

NotFound
└── RuleNotFound        there is no such rule

Conflict
├── NothingToPublish    the rule has no draft
└── PublishedEarlier    a version begins at that moment or after it already

Invalid
├── ConditionInvalid    the condition is none, or could take too long
└── PeriodInvalid       it would end before it begins
"""

from typing import Any

from shared.errors import Conflict, Invalid, NotFound


class RuleNotFound(NotFound):
    code = "rule_not_found"
    title = "There is no such rule."


class NothingToPublish(Conflict):
    code = "nothing_to_publish"
    title = "The rule has no draft to publish."


class PublishedEarlier(Conflict):
    code = "published_earlier"
    title = "A version of the rule begins at that moment or later already."


class ConditionInvalid(Invalid):
    code = "condition_invalid"
    title = "The condition cannot be used."

    def __init__(self, **extras: Any) -> None:
        super().__init__(pointer="/condition", **extras)


class PeriodInvalid(Invalid):
    code = "period_invalid"
    title = "It would end before it begins."
