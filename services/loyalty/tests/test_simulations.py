"""Rules that are tried: over one order at once, over all history as a job; nothing is posted."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from test_earning import BASE, DOUBLE, TEA, back, basket, publish
from test_earning_rules import MOMENT, bought, rule_sets

from loyalty.app import SERVICE
from loyalty.ledger.rules import Rate
from loyalty.programmes.rules import Programme
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.simulations import service
from loyalty.simulations.rules import Difference, Shadow, changed
from loyalty.simulations.schemas import SimulationRequest
from shared.database.unit_of_work import UnitOfWork
from shared.http.jobs import JobRunner

ORDER = {"lines": [{"sku": "TEA", "quantity": 2, "amount_minor": 1_200, "category": "tea"}], "channel": "app"}


async def over_history(ledger, **wanted) -> dict:
    async with UnitOfWork(ledger.database) as uow:
        simulation = await service.simulate(uow, SimulationRequest.model_validate(wanted), caller="server:key_1", now=MOMENT)
        await uow.commit()
    assert await JobRunner(ledger.database, SERVICE.jobs).run_one()
    [job] = await ledger.fetch("SELECT status, result FROM jobs WHERE id = $1", simulation.job_id)
    assert job["status"] == "succeeded"
    return job["result"]


async def test_one_order_by_the_rate_and_by_a_new_rule(client, ledger):
    wanted = {"order": ORDER, "changes": [{"rule_id": "new", "terms": BASE}]}
    answer = await client.post("/v1/simulations", json=wanted)
    told = answer.json()
    assert (answer.status_code, told["before"]["decided_by"], told["before"]["points"]) == (200, "rate", 12)
    assert (told["after"]["points"], told["difference"]) == (24, 12)
    assert told["after"]["awards"][0]["step"]["arithmetic"] == "1200 * 2 / 100, rounded down"
    assert await ledger.fetch("SELECT FROM entries") == []


async def test_one_order_without_a_rule_that_is_published(client, ledger):
    await publish(ledger, BASE, DOUBLE, TEA)
    told = (await client.post("/v1/simulations", json={"order": ORDER, "changes": [{"rule_id": "rul_1", "terms": None}]})).json()
    assert (told["before"]["points"], told["after"]["points"], told["difference"]) == (68, 34, -34)


async def test_a_condition_that_cannot_be_is_refused(client):
    terms = {**BASE, "condition": "event."}
    answer = await client.post("/v1/simulations", json={"order": ORDER, "changes": [{"rule_id": "new", "terms": terms}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "condition_invalid")


async def test_all_history_is_a_job(client, ledger, story):
    await ledger.hear(story.placed("ord_1", 1_000))
    answer = await client.post("/v1/simulations", json={})
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{answer.json()['job_id']}")


async def test_a_change_over_all_history_tells_who_gains_and_loses(committed_ledger, story):
    await committed_ledger.hear(story.placed("ord_1", 1_000), story.placed("ord_2", 500, "cus_2"))
    await publish(committed_ledger, BASE, DOUBLE, TEA, since="2026-01-05T00:00:00Z")
    tea = basket("ord_3", ("tea", 4, 800), customer="cus_3", story=story).model_copy(update={"placed_at": MOMENT.replace(day=1)})
    await committed_ledger.hear(tea, back(tea, "ret_1", ("tea", 1, 200), story=story))
    nothing = await over_history(committed_ledger, changes=[{"rule_id": "rul_2", "terms": TEA}])
    assert (nothing["orders"], nothing["points_before"], nothing["difference"]) == (3, 10 + 5 + 16 + 20, 0)
    assert (nothing["top_gaining"], nothing["top_losing"], nothing["customers_gaining"]) == ([], [], 0)
    less = await over_history(committed_ledger, changes=[{"rule_id": "rul_2", "terms": None}], cost_per_point_micro=10_000)
    assert (less["difference"], less["cost_difference_micro"]) == (-20, -200_000)
    assert less["top_losing"] == [{"customer_id": "cus_3", "points": -20}]
    more = await over_history(committed_ledger, changes=[{"rule_id": "new", "terms": BASE}], top=1)
    assert (more["customers_gaining"], more["top_gaining"]) == (3, [{"customer_id": "cus_3", "points": 16}])


@given(rule_sets, st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 9)), max_size=8))
def test_no_change_makes_no_difference(rules, baskets):
    rules = [replace(rule, customer_limit=100 if n % 2 else None, budget=250 if n % 3 else None) for n, rule in enumerate(rules)]
    same = changed(rules, {rule.id: replace(rule, version=0) for rule in rules})
    first, second = (Shadow(Programme(PROGRAMME_ID, ZoneInfo("UTC"), rules=some)) for some in (rules, same))
    difference = Difference()
    for amount, quantity in baskets:
        order, rate = bought(amount, quantity), Rate(1, 100)
        difference.add(order.customer_id, first.points(order, rate), second.points(order, rate))
    assert difference.before == difference.after
    assert difference.by_customer == {}
    assert first.used == second.used
