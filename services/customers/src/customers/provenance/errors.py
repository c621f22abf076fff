"""What can go wrong with provenance.

Invalid └── RulesRefused
"""

from shared.errors import Invalid


class RulesRefused(Invalid):
    code = "survivorship_rules_refused"
    title = "A rule names a field that there is not, or a source twice."
