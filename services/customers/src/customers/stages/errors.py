"""What can go wrong with stages.

Invalid ├── StageUnknown
        ├── StageRulesInvalid
        └── PeriodInvalid
"""

from shared.errors import Invalid


class StageUnknown(Invalid):
    code = "stage_unknown"
    title = "The track has no such stage."


class StageRulesInvalid(Invalid):
    code = "stage_rules_invalid"
    title = "A rule does not fit together with its track, or its name is taken."


class PeriodInvalid(Invalid):
    code = "period_invalid"
    title = "A period ends after it begins and is at most a year long."
