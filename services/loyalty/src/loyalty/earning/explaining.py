"""Why an entry has its points: the rules, what they looked at, each step, and whether doing it again gives the same."""

from collections.abc import Mapping
from typing import Any

from loyalty.earning import repository
from loyalty.ledger import reading
from loyalty.ledger.rules import Rate, points_for
from loyalty.programmes.repository import named
from loyalty.rules.rules import evaluate
from shared.database.pool import Connection


async def explanation(connection: Connection, entry_id: str) -> Mapping[str, Any]:
    """Return why an entry has its points, evaluated again where its inputs are kept.

    Raises:
        EntryNotFound: there is none.
    """
    told = dict(await reading.explanation(connection, entry_id))
    of_rule = await _by_rules(connection, entry_id)
    recomputed = of_rule.pop("recomputed", None) if of_rule else _by_rate(told["explanation"])
    return {**told, **of_rule, "recomputed": recomputed, "matches": recomputed == told["points"] if recomputed is not None else None}


async def _by_rules(connection: Connection, entry_id: str) -> dict[str, Any]:
    found = await repository.award_of_entry(connection, entry_id)
    if found is None:
        return {}
    award, occasion = found
    names = award["rules"]
    # What was erased cannot be evaluated again, and what a return gave belongs to what was left then.
    if not occasion.facts or award["entry_source"] != f"{award['source_id']}:{award['rule_id']}":
        return {"rules": names}
    awards = evaluate(await named(connection, names), occasion)
    points = sum(again.points for again in awards if again.rule.id == award["rule_id"])
    return {
        "rules": names,
        "inputs": {"event": dict(occasion.facts), "customer": dict(occasion.traits)},
        "steps": [{"rule": again.rule.name, "points": again.points, **again.step} for again in awards],
        "recomputed": points if award["allowed"] is None else min(points, award["allowed"]),
    }


def _by_rate(told: Mapping[str, Any]) -> int | None:
    inputs = told.get("inputs", {})
    if "numerator" not in inputs:
        return None
    return points_for(inputs["amount_minor"], Rate(inputs["numerator"], inputs["denominator"]))
