"""What can go wrong with provenance.

Invalid ├── RulesRefused
        └── ObservedInFuture
"""

from shared.errors import Invalid


class RulesRefused(Invalid):
    code = "survivorship_rules_refused"
    title = "A rule names a field that there is not, or a source twice."


class ObservedInFuture(Invalid):
    code = "observed_at_refused"
    title = "A fact was observed in the past."
