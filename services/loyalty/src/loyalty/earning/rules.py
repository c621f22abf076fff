"""What occasions are made of, what is left of an order after returns, and in which periods limits count. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.rules.rules import Award, Occasion, Rule, evaluate
from shared.contracts.customers import CustomerBirthday, CustomerRegistered, InteractionRecorded, OrderPlaced
from shared.contracts.feedback import ResponseRecorded

EVER = "ever"
# Stands for everybody, in the counter of a budget.
BUDGET = ""


@dataclass(frozen=True, slots=True)
class Back:
    """A return of an order; a cancellation when it has no amount: nothing of the order is left."""

    return_id: str
    order_id: str
    customer_id: str
    returned_at: datetime
    amount_minor: int | None
    lines: Sequence[Mapping[str, Any]] = ()


def order_facts(order: OrderPlaced, zone: ZoneInfo, *, first_purchase: bool) -> dict[str, Any]:
    """Return what conditions see of an order."""
    # By hand: pydantic takes four times as long.
    lines = [
        {"sku": line.sku, "quantity": line.quantity, "amount_minor": line.amount_minor, "category": line.category} for line in order.lines
    ]
    return {
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "channel": order.channel,
        "shop": order.shop,
        "lines": lines,
        "quantity": sum(line["quantity"] for line in lines),
        "first_purchase": first_purchase,
        **calendar(order.placed_at, zone),
    }


def registration(event: CustomerRegistered) -> Occasion:
    """Return the registration of a customer as an occasion."""
    return Occasion("customer_registered", event.customer_id, event.customer_id, event.registered_at, {"kind": event.kind})


def response(event: ResponseRecorded) -> Occasion | None:
    """Return an answer to a survey as an occasion; nobody's when the customer is not known."""
    if event.customer_id is None:
        return None
    facts = {
        "question": event.question,
        "score": event.score,
        "channel": event.channel,
        "has_comment": event.has_comment,
    }
    return Occasion("response_recorded", event.response_id, event.customer_id, event.answered_at, facts)


def interaction(event: InteractionRecorded) -> Occasion:
    """Return an interaction as an occasion."""
    facts = {
        "kind": event.kind,
        "channel": event.channel,
        "direction": event.direction,
        "journey_stage": event.journey_stage,
        "sentiment": event.sentiment,
    }
    return Occasion("interaction_recorded", event.interaction_id, event.customer_id, event.occurred_at, facts)


def anniversary(customer_id: str, years: int, moment: datetime) -> Occasion:
    """Return the anniversary of an enrolment as an occasion: one a year."""
    return Occasion("anniversary", f"{customer_id}:{years}", customer_id, moment, {"years": years})


def birthday(event: CustomerBirthday) -> Occasion:
    """Return a birthday as an occasion: one a year, and nobody learns which."""
    return Occasion("birthday", event.birthday_id, event.customer_id, event.told_at)


def calendar(moment: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return the date and hour of a moment where the programme is at home; weekday 1 is Monday."""
    local = moment.astimezone(zone)
    return {
        "date": local.date().isoformat(),
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "weekday": local.isoweekday(),
        "hour": local.hour,
    }


def period_of(rule: Rule, moment: datetime, zone: ZoneInfo) -> str:
    """Return the period of a rule's limit that a moment lies in, such as `2026-03` or `2026-W11`."""
    local = moment.astimezone(zone)
    match rule.customer_period:
        case "day":
            return local.date().isoformat()
        case "week":
            year, week, _ = local.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{local.year}-{local.month:02}"
        case "year":
            return f"{local.year}"
        case _:
            return EVER


def limits_of(rule: Rule, customer_id: str, moment: datetime, zone: ZoneInfo) -> list[tuple[str, str, int]]:
    """Return the counters that what a rule gives has to fit in, as `(customer, period, limit)`."""
    limits = []
    if rule.customer_limit is not None:
        limits.append((customer_id, period_of(rule, moment, zone), rule.customer_limit))
    if rule.budget is not None:
        limits.append((BUDGET, "", rule.budget))
    return limits


def left_of(facts: Mapping[str, Any], returns: Sequence[Back]) -> dict[str, Any] | None:
    """Return an order as if what came back had not been bought; None when nothing is left, or it was cancelled.

    It depends on the sums of what came back only, so returns may be split and come in any order.
    """
    if any(back.amount_minor is None for back in returns):
        return None
    gone: dict[str, list[int]] = {}
    for line in (line for back in returns for line in back.lines):
        sums = gone.setdefault(line["sku"], [0, 0])
        sums[0] += line["quantity"]
        sums[1] += line["amount_minor"]
    lines = []
    for line in facts["lines"]:
        sums = gone.get(line["sku"], [0, 0])
        quantity, amount = min(sums[0], line["quantity"]), min(sums[1], max(line["amount_minor"], 0))
        sums[0], sums[1] = sums[0] - quantity, sums[1] - amount
        if line["quantity"] > quantity or line["amount_minor"] > amount:
            lines.append({**line, "quantity": line["quantity"] - quantity, "amount_minor": line["amount_minor"] - amount})
    left = max(facts["amount_minor"] - sum(back.amount_minor or 0 for back in returns), 0)
    if left == 0 and (facts["amount_minor"] > 0 or not lines):
        return None
    return {**facts, "amount_minor": left, "lines": lines, "quantity": sum(line["quantity"] for line in lines)}


def awards_after(rules: Sequence[Rule], bought: Occasion, returns: Sequence[Back]) -> dict[str, Award]:
    """Return what each rule gives, by its id, for what is left of an order."""
    left = left_of(bought.facts, returns)
    if left is None:
        return {}
    occasion = Occasion(bought.trigger, bought.source_id, bought.customer_id, bought.occurred_at, left, bought.traits)
    return {award.rule.id: award for award in evaluate(rules, occasion)}
