"""What an occasion earns by the rules in force. Pure: integers in, integers out, each step told.

The stacking order, which neither the order of the rules given nor anything else changes:

1. Rules whose condition holds, by `priority` and then id. Of rules that share a `group`, only the one that gives most counts: of two that
   give the same, the one that stands first.
2. What `per_amount`, `per_quantity` and multiplied `fixed` rules give is the base, wallet by wallet.
3. Multipliers apply to the base one after the other; each earns the difference that it makes to the whole points, so their parts add up
   to `floor(base * product of the factors) - base`.
   That of the customer's tier comes last.
4. Other `fixed` rules come on top and are not multiplied.
5. `per_occasion` bounds what a rule gives at once. Limits of customers and budgets follow when the points are posted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.conditions import Scene, variables_of

Period = Literal["day", "week", "month", "year", "ever"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule gives.

    Attributes:
        kind: per_amount, per_quantity, fixed or multiplier.
        points: how many ...
        per: ... for so many minor units, or so many pieces.
        factor: of a multiplier.
        skus: only these articles; all when empty.
        categories: only these categories; all when empty.
        excluded_skus: but not these articles.
        multiplied: whether multipliers apply to a fixed number.
    """

    kind: str
    points: int = 0
    per: int = 1
    factor: Fraction = Fraction(1)
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    excluded_skus: frozenset[str] = frozenset()
    multiplied: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A version of an earning rule; see `loyalty.rules.schemas.RuleTerms` for its fields."""

    id: str
    version: int
    trigger: str
    effect: Effect
    effective_from: datetime
    effective_until: datetime | None = None
    programme_id: str = PROGRAMME_ID
    condition: str | None = None
    priority: int = 100
    group: str | None = None
    wallet: str = "points"
    pending_days: int = 0
    expires_days: int | None = None
    per_occasion: int | None = None
    customer_limit: int | None = None
    customer_period: Period = "ever"
    budget: int | None = None

    @property
    def name(self) -> str:
        """The rule and its version, as entries tell it."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something for which a member may earn; `facts` and `traits` are what conditions see as `event` and `customer`."""

    trigger: str
    source_id: str
    customer_id: str
    occurred_at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)

    def variables(self) -> dict[str, Any]:
        """Return what conditions are evaluated over."""
        event = {**self.facts, "trigger": self.trigger, "occurred_at": self.occurred_at}
        return variables_of(event, self.traits, self.traits.get("tier"))


@dataclass(frozen=True, slots=True)
class Award:
    """What one rule gives for one occasion, and the step that led to it."""

    rule: Rule
    points: int
    step: Mapping[str, Any]


def in_force(versions: Iterable[Rule], trigger: str, moment: datetime) -> list[Rule]:
    """Return the version of each rule that counts at a moment: the last that had begun, unless it had ended."""
    latest: dict[str, Rule] = {}
    for version in versions:
        if version.trigger == trigger and version.effective_from <= moment:
            known = latest.get(version.id)
            if known is None or (known.effective_from, known.version) < (version.effective_from, version.version):
                latest[version.id] = version
    return [rule for rule in latest.values() if rule.effective_until is None or moment < rule.effective_until]


def evaluate(rules: Iterable[Rule], occasion: Occasion) -> tuple[Award, ...]:
    """Return what each rule gives for an occasion, in the stacking order; rules that give nothing are left out.

    Args:
        rules: the versions in force, in any order.
        occasion: what happened.
    """
    ordered = sorted((rule for rule in rules if rule.trigger == occasion.trigger), key=lambda rule: (rule.priority, rule.id))
    scene = Scene(occasion.variables, [rule.condition for rule in ordered])
    met = [rule for rule in ordered if scene.holds(rule.condition)]
    of_tier = [Award(rule, 0, {}) for rule in tier_rules(occasion)]
    gives = [_given(rule, occasion.facts) for rule in met if rule.effect.kind != "multiplier"]
    multipliers = _best(
        [Award(rule, 0, {}) for rule in met if rule.effect.kind == "multiplier"], key=lambda award: award.rule.effect.factor
    )
    base = [award for award in _best(gives, key=lambda award: award.points) if award.points > 0]
    earned = [award for award in base if _is_base(award.rule)]
    bonuses = [award for award in base if not _is_base(award.rule)]
    return (*earned, *_multiplied([*multipliers, *of_tier], earned), *bonuses)


def tier_rules(occasion: Occasion) -> list[Rule]:
    """Return what the tier that the customer had gives: a multiplier for the wallet of points, which applies after all others.

    It is named after the tier and the version of the scheme, such as `tier:gold@3`.
    """
    told = occasion.traits.get("tier_gives")
    if told is None or Fraction(told["multiplier"]) <= 1:
        return []
    programme_id = told["programme_id"]
    # Awards of an order are told apart by the rule, also those of two programmes.
    rule_id = f"tier:{occasion.traits['tier']}" + ("" if programme_id == PROGRAMME_ID else f":{programme_id}")
    effect = Effect("multiplier", factor=Fraction(told["multiplier"]))
    return [Rule(rule_id, told["version"], occasion.trigger, effect, occasion.occurred_at, programme_id=programme_id)]


def _is_base(rule: Rule) -> bool:
    return rule.effect.kind != "fixed" or rule.effect.multiplied


def _best(awards: Sequence[Award], key: Any) -> list[Award]:
    best: dict[str, Award] = {}
    for award in awards:
        if award.rule.group is not None:
            known = best.get(award.rule.group)
            if known is None or key(award) > key(known):
                best[award.rule.group] = award
    return [award for award in awards if award.rule.group is None or best[award.rule.group] is award]


def _given(rule: Rule, facts: Mapping[str, Any]) -> Award:
    effect = rule.effect
    match effect.kind:
        case "per_amount":
            matched = matched_minor(effect, facts)
            points = max(matched, 0) * effect.points // effect.per
            step = {"amount_minor": matched, "arithmetic": f"{matched} * {effect.points} / {effect.per}, rounded down"}
        case "per_quantity":
            pieces = sum(line["quantity"] for line in _matching(effect, facts))
            points = max(pieces, 0) // effect.per * effect.points
            step = {"quantity": pieces, "arithmetic": f"{pieces} / {effect.per}, rounded down, * {effect.points}"}
        case _:
            points, step = effect.points, {"arithmetic": f"{effect.points}"}
    return _bounded(rule, points, step)


def _multiplied(multipliers: Sequence[Award], earned: Sequence[Award]) -> list[Award]:
    base: dict[str, int] = {}
    for award in earned:
        base[award.rule.wallet] = base.get(award.rule.wallet, 0) + award.points
    running = {wallet: Fraction(1) for wallet in base}
    made = []
    for rule in (award.rule for award in multipliers):
        if rule.wallet in base:
            amount, before = base[rule.wallet], running[rule.wallet]
            after = running[rule.wallet] = before * rule.effect.factor
            points = int(amount * after) - int(amount * before)
            step = {"base": amount, "factor": str(after), "arithmetic": f"floor({amount} * {after}) - floor({amount} * {before})"}
            made.append(_bounded(rule, points, step))
    return [award for award in made if award.points > 0]


def _bounded(rule: Rule, points: int, step: Mapping[str, Any]) -> Award:
    if rule.per_occasion is not None and points > rule.per_occasion:
        return Award(rule, rule.per_occasion, {**step, "per_occasion": rule.per_occasion})
    return Award(rule, points, step)


def matched_minor(effect: Effect, facts: Mapping[str, Any]) -> int:
    """Return the money that a rule looks at: the whole order's, or that of the articles that it names."""
    if not (effect.skus or effect.categories or effect.excluded_skus):
        return facts.get("amount_minor", 0)
    return sum(line["amount_minor"] for line in _matching(effect, facts))


def _matching(effect: Effect, facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        line
        for line in facts.get("lines", ())
        if (not effect.skus or line["sku"] in effect.skus)
        and (not effect.categories or line.get("category") in effect.categories)
        and line["sku"] not in effect.excluded_skus
    ]
