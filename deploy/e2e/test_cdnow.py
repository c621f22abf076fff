"""The history of 23,570 real customers, loaded over HTTP and seen in every service.

The expected figures are those of the file itself, computed here anew or known from the literature on it.
"""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from running_suite import answer, eventually

DATA = Path(__file__).parents[1] / "demo" / "cdnow_master.csv.gz"
CUSTOMERS = 23_570
ORDERS = 69_659
AMOUNT_MINOR = 250_031_563


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with gzip.open(DATA, "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def points(rows) -> int:
    """One point for each whole dollar of an order."""
    return sum(int(Decimal(row["amount"])) for row in rows)


def ledger(suite) -> dict:
    """Return what the ledger says of itself, without the seal that is set anew each minute over the entries there are."""
    shown = answer(suite.client("loyalty").get("/v1/ledger/verify"), 200)
    return {name: value for name, value in shown.items() if name != "seal"}


def history(suite) -> dict:
    return answer(suite.client("analytics").get("/v1/history/checksum"), 200)


def metric(suite, path: str) -> dict:
    return answer(suite.client("analytics").get(f"/v1/metrics/{path}"), 200)


def test_counts_and_amounts_are_those_of_the_file(demo_suite, rows):
    assert len(rows) == ORDERS
    assert sum(Decimal(row["amount"]) * 100 for row in rows) == AMOUNT_MINOR
    orders = metric(demo_suite, "orders")
    assert orders["totals"]["orders"] == ORDERS
    assert orders["totals"]["customers"] == CUSTOMERS
    assert orders["totals"]["revenue_minor"] == AMOUNT_MINOR


def test_points_agree_between_ledger_analytics_and_the_file(demo_suite, points):
    verified = ledger(demo_suite)
    assert verified["ok"] is True
    assert verified["sum"] == 0
    assert verified["points_outstanding"] == points
    assert metric(demo_suite, "points")["outstanding"] == points


@pytest.mark.parametrize(
    ("definition", "percent"),
    [("calendar", "14.85"), ("rolling", "13.10"), ("on_or_after", "43.81"), ("within", "17.46"), ("ever", "48.86")],
)
def test_month_one_retention_under_each_definition(demo_suite, definition, percent):
    summary = {row["definition"]: row for row in metric(demo_suite, "retention")["summary"]}
    assert summary[definition]["customers"] == CUSTOMERS
    assert f"{summary[definition]['percent']:.2f}" == percent


def test_loading_twice_changes_nothing(demo_suite):
    before = (ledger(demo_suite), history(demo_suite))
    demo_suite.command("demo")
    after = eventually(lambda: (ledger(demo_suite), history(demo_suite)), lambda now: now == before, within_seconds=30)
    assert after == before


def test_state_survives_a_restart(demo_suite):
    before = (ledger(demo_suite), history(demo_suite))
    demo_suite.command("down")
    demo_suite.command("up")
    demo_suite.variables = demo_suite.read_variables()
    assert (ledger(demo_suite), history(demo_suite)) == before
