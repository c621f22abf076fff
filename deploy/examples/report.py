"""What a programme did to a shop: figures from the service's own interface, and pictures of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from histories import History
from pictures import columns
from programme import Programme
from shared.contracts.customers import OrderPlaced, OrderReturned

TIERS = ("green", "gold", "reserve")


@dataclass(slots=True)
class Findings:
    """All that a report tells.

    Attributes:
        programme: what ran.
        history: in which shop.
        tiers: members by tier, a mapping for the end of each month.
        months: their ends.
        roll_forward: lines of the wallet of points, from `/v1/liability/roll-forward`.
        liability: as of the end, from `/v1/liability`.
        proof: from `/v1/ledger/verify`.
        redeemed: points that the run itself counted.
        seconds: time that the events took.
    """

    programme: Programme
    history: History
    tiers: list[Mapping[str, int]] = field(default_factory=list)
    months: list[datetime] = field(default_factory=list)
    roll_forward: Sequence[Mapping[str, Any]] = ()
    liability: Mapping[str, Any] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)
    redeemed: int = 0
    seconds: float = 0.0


def write(findings: Findings, folder: Path, name: str) -> Path:
    """Write a report as Markdown with two pictures beside it, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = [f"{line['begins_on'][:7]}" for line in findings.roll_forward]
    flows = {
        "earned": [line["issued"] for line in findings.roll_forward],
        "spent": [-line["redeemed"] for line in findings.roll_forward],
        "expired": [-line["expired"] for line in findings.roll_forward],
        "taken back": [-line["reversed"] for line in findings.roll_forward],
    }
    outstanding = [line["closing"] for line in findings.roll_forward]
    unit = findings.programme.name
    flow = columns(f"{unit} by month, and outstanding at its end", labels, flows, ("outstanding", outstanding))
    (folder / f"{name}_points.svg").write_text(flow)
    people = {tier: [month.get(tier, 0) for month in findings.tiers] for tier in TIERS[1:]}
    tiers = columns("Members above the lowest tier, at the end of each month", labels[: len(findings.tiers)], people)
    (folder / f"{name}_tiers.svg").write_text(tiers)
    path = folder / f"{name}.md"
    path.write_text(_text(findings, name))
    return path


def _text(findings: Findings, name: str) -> str:
    history, liability, proof = findings.history, findings.liability, findings.proof
    orders = [event for event in history.events if isinstance(event, OrderPlaced)]
    returns = [event for event in history.events if isinstance(event, OrderReturned)]
    sold, back = (sum(event.amount_minor for event in events) / 100 for events in (orders, returns))
    unit, totals = findings.programme.name.lower(), _totals(findings.roll_forward)
    last = findings.tiers[-1]
    rows = [
        ("customers", f"{len(history.customers):,}"),
        ("orders", f"{len(orders):,}, {history.currency} {sold:,.2f}"),
        ("returns", f"{len(returns):,}, {history.currency} {back:,.2f}"),
        (f"{unit} earned", f"{totals['issued']:,}"),
        ("of them taken back for returns", f"{totals['reversed']:,}"),
        ("spent on rewards", f"{totals['redeemed']:,}"),
        ("expired", f"{totals['expired']:,}"),
        ("outstanding at the end", f"{liability['outstanding']:,}"),
        ("members by tier at the end", ", ".join(f"{tier} {last.get(tier, 0):,}" for tier in TIERS)),
        ("value of what is outstanding", _money(liability["value_minor"], liability["currency"])),
        ("expected to be spent of it", _expected(liability["breakage"])),
        ("the ledger", f"{proof['entries']:,} entries, sum {proof['sum']}, {'sound' if proof['ok'] else 'BROKEN'}"),
        ("events applied", f"{(len(history.events) + len(history.customers)) / findings.seconds:,.0f} a second"),
    ]
    if history.cancelled:
        rows.insert(3, ("pieces cancelled that no earlier order explains", f"{history.unmatched:,} of {history.cancelled:,}"))
    table = "\n".join(f"| {label} | {value} |" for label, value in rows)
    return f"""# {findings.programme.name} in the shop {history.name}

{findings.programme.about}

Written by `make example`: every order and return went through the service's own handlers in the order of time. Who spends is made
up, for the histories know nothing of it: each month a fixed 30 % of the members who have 60 points or more take the dearest reward
that they can pay. The point's value is told in dollars, whatever the shop's currency is.

| | |
| --- | --- |
{table}

![{unit} by month]({name}_points.svg)

![members by tier]({name}_tiers.svg)
"""


def _totals(lines: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {name: sum(line[name] for line in lines) for name in ("issued", "reversed", "redeemed", "expired")}


def _money(minor: int | None, currency: str | None) -> str:
    return "–" if minor is None else f"{currency} {minor / 100:,.2f}"


def _expected(estimate: Mapping[str, Any]) -> str:
    if not estimate["reliable"]:
        return f"no estimate: {estimate['reason']}, {estimate['months']} months"
    low, high = estimate["expected_redemptions_low"], estimate["expected_redemptions_high"]
    coverage = "" if estimate["coverage"] is None else f"; {estimate['coverage']:.0%} of {estimate['evaluations']} past forecasts held"
    return f"{estimate['expected_redemptions']:,} (from {low:,} to {high:,}{coverage})"
