"""The net promoter score over HTTP: exact, of the asked window, equal to a recount of the responses."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.metrics.repository import NpsRepository
from feedback.responses.repository import ResponseRepository
from feedback.responses.rules import Answer
from shared.figures.satisfaction import NPS_DEFINITION
from shared.statistics import NetPromoterScore, round_half_away

MOMENT = datetime(2026, 1, 15, tzinfo=UTC)


def answers(promoters: int, passives: int, detractors: int, *, channel: str | None = "email", at: datetime = MOMENT) -> list[Answer]:
    scores = [10] * promoters + [7] * passives + [0] * detractors
    return [Answer(None, None, "nps", score, channel, None, at) for score in scores]


async def keep(database, given: list[Answer]) -> None:
    async with database.acquire() as connection:
        await ResponseRepository(connection).add(given)


async def report(client, **window) -> dict:
    answer = await client.get("/v1/metrics/nps", params=window)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_known_example(client, database, clock):
    await keep(database, answers(32, 13, 6))
    told = await report(client)
    assert (told["n"], told["promoters"], told["passives"], told["detractors"]) == (51, 32, 13, 6)
    assert (told["numerator"], told["denominator"]) == (26, 51)
    assert told["score"] == 50.98
    assert told["interval"] == {"low": 29.29, "high": 67.0, "level": 0.95, "method": "adjusted_wald"}
    assert {item["score"]: item["n"] for item in told["distribution"]} == {s: {10: 32, 7: 13, 0: 6}.get(s, 0) for s in range(11)}
    assert (told["zone"], told["window"]) == ("UTC", {"from": None, "to": None})
    assert datetime.fromisoformat(told["as_of"]) == datetime.fromisoformat(told["computed_at"]) == clock.now()
    definition = told["definition"]
    assert (definition["name"], definition["parameters"], definition["hash"]) == ("nps", {"channel": None}, NPS_DEFINITION.hash)


async def test_without_answers_there_is_no_score(client):
    told = await report(client)
    assert (told["n"], told["score"], told["denominator"], told["interval"], told["months"]) == (0, None, 0, None, [])
    assert [item["n"] for item in told["distribution"]] == [0] * 11


async def test_the_window_is_of_days_and_half_open(client, database):
    for day in (14, 15, 16):
        await keep(database, answers(day, 0, 0, at=datetime(2026, 1, day, 23, 59, 59, tzinfo=UTC)))
    assert (await report(client, **{"from": "2026-01-15", "to": "2026-01-16"}))["n"] == 15
    assert (await report(client, **{"from": "2026-01-15"}))["n"] == 31
    assert (await report(client, to="2026-01-15"))["n"] == 14
    assert (await report(client, **{"from": "2026-01-15", "to": "2026-01-15"}))["n"] == 0


async def test_the_day_is_that_of_utc(client):
    body = {"question": "nps", "score": 9, "answered_at": "2026-01-01T01:00:00+02:00"}
    await client.post("/v1/responses", json=body)
    assert [month["month"] for month in (await report(client))["months"]] == ["2025-12-01"]


async def test_a_channel_has_its_own_score(client, database):
    await keep(database, answers(1, 0, 0) + answers(0, 0, 3, channel="app") + answers(0, 1, 0, channel=None))
    assert (await report(client))["score"] == -40.0
    told = await report(client, channel="app")
    assert (told["n"], told["score"], told["definition"]["parameters"]["channel"]) == (3, -100.0, "app")


async def test_months_have_intervals_of_their_own(client, database):
    await keep(database, answers(70, 20, 10, at=datetime(2025, 12, 31, 23, 59, tzinfo=UTC)))
    await keep(database, answers(1, 0, 0, at=datetime(2026, 2, 1, tzinfo=UTC)))
    december, february = (await report(client))["months"]
    assert (december["month"], december["n"], december["score"]) == ("2025-12-01", 100, 60.0)
    assert (december["interval"]["low"], december["interval"]["high"]) == (45.27, 71.24)
    assert (february["month"], february["score"]) == ("2026-02-01", 100.0)
    assert (february["interval"]["low"], february["interval"]["high"]) == (-48.5, 98.5)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=2026-02-01&to=2026-01-01", 422),
        ("from=1767225600", 422),
        ("from=yesterday", 422),
        ("channel=", 422),
        ("question=nps", 400),
        ("until=2026-01-01", 400),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(client, query, status):
    assert (await client.get(f"/v1/metrics/nps?{query}")).status_code == status


given_answers = st.lists(
    st.builds(
        Answer,
        external_id=st.one_of(st.none(), st.sampled_from(["a", "b", "c"])),
        customer_id=st.none(),
        question=st.just("nps"),
        score=st.integers(0, 10),
        channel=st.sampled_from([None, "email", "app"]),
        comment=st.none(),
        answered_at=st.integers(0, 60).map(lambda days: MOMENT + timedelta(days=days)),
    ),
    max_size=12,
)
_RECOUNT = """
SELECT score, count(*) AS n FROM responses
WHERE ($1::timestamptz IS NULL OR answered_at >= $1) AND ($2::timestamptz IS NULL OR answered_at < $2)
    AND ($3::text IS NULL OR channel = $3)
GROUP BY score
"""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(given_answers, max_size=3), since=st.integers(-2, 62), days=st.integers(0, 40), channel=st.sampled_from([None, "app"])
)
async def test_the_counts_equal_a_recount_of_the_responses(database, batches, since, days, channel):
    start = None if since is None else MOMENT + timedelta(days=since)
    end = None if days is None else (start or MOMENT) + timedelta(days=days)
    async with database.acquire() as connection:
        for batch in batches:
            if batch:
                await ResponseRepository(connection).add(batch)
        months = await NpsRepository(connection).months(start and start.date(), end and end.date(), channel)
        recount = {row["score"]: row["n"] for row in await connection.fetch(_RECOUNT, start, end, channel)}
    assert [sum(month["distribution"][score] for month in months) for score in range(11)] == [recount.get(s, 0) for s in range(11)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)))
async def test_the_score_is_the_exact_fraction_rounded_once(client, database, counts):
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM nps_months")
    if any(counts):
        await keep(database, answers(*counts))
    told = await report(client)
    exact = Fraction(told["numerator"], told["denominator"]) if told["denominator"] else None
    assert exact == NetPromoterScore(*counts).fraction
    assert told["score"] == (None if exact is None else round_half_away(100 * exact))
