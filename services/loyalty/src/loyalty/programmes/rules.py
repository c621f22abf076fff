"""Which rules count in a programme at a moment. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Effect, Rule, in_force

ORDER = "order_placed"


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """A programme as earning sees it.

    Attributes:
        id: `prg_…`.
        zone: by which its days are told apart.
        starts_at: it runs from then on, since ever when None ...
        ends_at: ... until then, for ever when None.
        rules: every version of its rules.
        rates: every version of its rate, as rules; of the default programme none, because the ledger itself goes by its rate, unless
            tiers multiply what it gives.
        is_tiered: whether it ever had tiers.
        multiplied_since: since when one of them multiplies.
        is_challenging: whether it ever had challenges.
        is_referring: whether members could ever refer others, which all programmes tell alike.
    """

    id: str
    zone: ZoneInfo
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    rules: Sequence[Rule] = field(default=())
    rates: Sequence[Rule] = field(default=())
    is_tiered: bool = False
    multiplied_since: datetime | None = None
    is_challenging: bool = False
    is_referring: bool = False

    @property
    def is_default(self) -> bool:
        """Whether it is the one that there always is."""
        return self.id == PROGRAMME_ID

    def runs_at(self, moment: datetime) -> bool:
        """Return whether it runs at a moment."""
        return (self.starts_at is None or self.starts_at <= moment) and (self.ends_at is None or moment < self.ends_at)

    def rules_at(self, trigger: str, moment: datetime) -> list[Rule]:
        """Return the rules that count for a trigger at a moment: its own, or for orders its rate where it has none."""
        if not (self.rules or self.rates) or not self.runs_at(moment):
            return []
        if self.is_default and (self.multiplied_since is None or moment < self.multiplied_since):
            return in_force(self.rules, trigger, moment)
        return in_force(self.rules, trigger, moment) or in_force(self.rates, trigger, moment)

    def has(self, trigger: str) -> bool:
        """Return whether anything was ever given for a trigger."""
        return any(rule.trigger == trigger for rule in (*self.rules, *self.rates))


def rate_rule(
    programme_id: str, version: int, numerator: int, denominator: int, currencies: Sequence[str] | None, effective_from: datetime
) -> Rule:
    """Return a rate as the rule that it stands for; it is named like its programme.

    Args:
        programme_id: whose rate.
        version: of the rate.
        numerator: points ...
        denominator: ... for so many minor units.
        currencies: only orders in these; all when None.
        effective_from: since when it counts.
    """
    condition = f"event.currency in {sorted(currencies)}" if currencies else None
    effect = Effect("per_amount", points=numerator, per=denominator)
    return Rule(programme_id, version, ORDER, effect, effective_from, programme_id=programme_id, condition=condition)
