"""What would be earned by other rules over many orders, in the order of time, with limits as they would have been used up. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from loyalty.earning.rules import limits_of
from loyalty.ledger.rules import POINTS, Rate, points_for
from loyalty.programmes.rules import Programme
from loyalty.rules.rules import Award, Occasion, Rule, evaluate


def changed(versions: Sequence[Rule], changes: Mapping[str, Rule | None]) -> list[Rule]:
    """Return the versions of rules with each changed rule in place of its own.

    A rule that is published keeps the time from its first beginning to its last end; a new one counts as it says.
    """
    kept = [version for version in versions if version.id not in changes]
    for rule_id, rule in changes.items():
        own = sorted((v for v in versions if v.id == rule_id), key=lambda v: (v.effective_from, v.version))
        if rule is not None and own:
            kept.append(replace(rule, effective_from=own[0].effective_from, effective_until=own[-1].effective_until))
        elif rule is not None:
            kept.append(rule)
    return kept


@dataclass
class Shadow:
    """What one set of rules gives, order after order, with its limits as they are used up.

    Attributes:
        programme: its rules, and by which clock periods of limits are told apart.
        used: points given against each limit.
    """

    programme: Programme
    used: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def points(self, order: Occasion, rate: Rate) -> int:
        """Return the points to spend that an order earns, and count all that it earns against the limits."""
        rules = self.programme.rules_at(order.trigger, order.occurred_at)
        if not rules:
            return points_for(order.facts["amount_minor"], rate) if self.programme.is_default else 0
        given = [(award.rule.wallet, self._allotted(award, order)) for award in evaluate(rules, order)]
        return sum(points for wallet, points in given if wallet == POINTS)

    def _allotted(self, award: Award, order: Occasion) -> int:
        limits = limits_of(award.rule, order.customer_id, order.occurred_at, self.programme.zone)
        keys = [(award.rule.id, customer_id, period) for customer_id, period, _ in limits]
        left = [limit - self.used.get(key, 0) for key, (_, _, limit) in zip(keys, limits, strict=True)]
        points = max(min([award.points, *left]), 0)
        for key in keys:
            self.used[key] = self.used.get(key, 0) + points
        return points


@dataclass
class Difference:
    """What a change of rules comes to, customer by customer."""

    orders: int = 0
    before: int = 0
    after: int = 0
    by_customer: dict[str, int] = field(default_factory=dict)

    def add(self, customer_id: str, before: int, after: int) -> None:
        """Count an order."""
        self.orders += 1
        self.before += before
        self.after += after
        if before != after:
            self.by_customer[customer_id] = self.by_customer.get(customer_id, 0) + after - before

    def report(self, cost_per_point_micro: int, top: int) -> dict[str, object]:
        """Return the figures; customers by how much they gain or lose, and then by id."""
        gains = sorted((-points, customer) for customer, points in self.by_customer.items() if points > 0)
        losses = sorted((points, customer) for customer, points in self.by_customer.items() if points < 0)
        difference = self.after - self.before
        return {
            "orders": self.orders,
            "points_before": self.before,
            "points_after": self.after,
            "difference": difference,
            "cost_difference_micro": difference * cost_per_point_micro,
            "customers_gaining": len(gains),
            "customers_losing": len(losses),
            "top_gaining": [{"customer_id": customer, "points": -points} for points, customer in gains[:top]],
            "top_losing": [{"customer_id": customer, "points": points} for points, customer in losses[:top]],
        }
