"""Whatever is merged, parted and erased, in whatever order it is heard: the lists are those of a dictionary walked by hand."""

import random

from feedback_answers import CUSTOMER, OTHER, listed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.app import SERVICE
from feedback.customers.service import reset_projection
from shared.contracts.customers import CustomerErased, CustomerMerged, CustomerUnmerged
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import deliver, message

PEOPLE = (CUSTOMER, OTHER, OTHER[:-1] + "3", OTHER[:-1] + "4")
AT = "2026-01-01T00:00:00Z"


def root_of(links: dict[str, str], customer_id: str) -> str:
    while customer_id in links:
        customer_id = links[customer_id]
    return customer_id


@st.composite
def stories(draw):
    """Return answers, merges that could happen one after the other, their links, and who is erased in the end."""
    answers = draw(st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 10)), max_size=8))
    links: dict[str, str] = {}
    sequences = dict.fromkeys(PEOPLE, 0)
    story = []
    for number in range(draw(st.integers(0, 8))):
        merged_id = draw(st.sampled_from(PEOPLE))
        if merged_id in links:
            fields = {"survivor_id": links.pop(merged_id), "unmerged_at": AT}
        else:
            others = [other for other in PEOPLE if root_of(links, other) != merged_id]
            if not others:
                continue
            links[merged_id] = draw(st.sampled_from(others))
            fields = {"survivor_id": links[merged_id], "merged_at": AT}
        sequences[merged_id] += 1
        kind = CustomerMerged if "merged_at" in fields else CustomerUnmerged
        story.append(message(kind.model_validate({"merge_id": f"mrg_{number}", "merged_id": merged_id, **fields}), sequences[merged_id]))
    erased = draw(st.sampled_from([(), *({one for one in PEOPLE if root_of(links, one) == root} for root in PEOPLE if root not in links)]))
    if erased:
        ids = sorted(erased)
        told = {"erasure_id": f"era_{ids[0]}", "customer_id": ids[0], "customer_ids": ids, "requested_at": AT}
        story.append(message(CustomerErased.model_validate(told), 1))
    return answers, story, links, set(erased)


async def _emptied(database) -> None:
    async with UnitOfWork(database) as uow:
        await reset_projection(uow)
        for table in ("responses", "erased_customers", "answered_requests", "inbox", "aggregate_versions", "parked_events"):
            await uow.connection.execute(f"DELETE FROM {table}")
        await uow.commit()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories(), seed=st.integers(0, 2**32))
async def test_any_story_heard_in_any_order_lists_the_answers_of_each_family(database, client, story, seed):
    await _emptied(database)
    answers, messages, links, erased = story
    items = [{"customer_id": who, "question": "nps", "score": score, "answered_at": AT} for who, score in answers]
    if items:
        await client.post("/v1/responses/batch", json={"items": items})
    score_of_all = (await client.get("/v1/metrics/nps")).json()["score"]

    dice = random.Random(seed)
    disorder = messages + dice.choices(messages, k=2 if messages else 0)
    dice.shuffle(disorder)
    for one in disorder:
        await deliver(database, SERVICE, [one])

    for customer_id in PEOPLE:
        family = {one for one in PEOPLE if root_of(links, one) == root_of(links, customer_id)} - erased
        expected = sorted(score for who, score in answers if who in family) if customer_id not in erased else []
        assert sorted(await listed(client, customer_id=customer_id)) == expected
    assert (await client.get("/v1/metrics/nps")).json()["score"] == score_of_all
    assert len(await listed(client, limit=100)) == len(answers)
