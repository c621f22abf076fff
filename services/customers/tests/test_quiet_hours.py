"""When a customer is not to be disturbed, and that whoever asks for his consent is told."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.consents.quiet import quiet_until

ZONES = ("UTC", "Europe/Riga", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")
walls = st.times().map(lambda at: at.replace(second=0, microsecond=0))
moments = st.integers(0, 366 * 86_400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def preferences(starts: time, ends: time, zone: str) -> dict:
    return {"zone": zone, "quiet_hours": {"from": f"{starts:%H:%M}", "to": f"{ends:%H:%M}"}}


class TestRules:
    @given(walls, walls, st.sampled_from(ZONES), moments)
    def test_it_is_quiet_until_the_end_that_follows(self, starts, ends, zone, now):
        until = quiet_until(preferences(starts, ends, zone), now)
        wall = now.astimezone(ZoneInfo(zone)).time()
        within = starts <= wall < ends if starts <= ends else wall >= starts or wall < ends
        assert (until is not None) == within
        if until is not None:
            # An hour is left out or comes twice on two days of the year.
            assert now - timedelta(hours=1) < until <= now + timedelta(hours=25)
            told = until.astimezone(ZoneInfo(zone)).time()
            assert told == ends or abs((told.hour * 60 + told.minute) - (ends.hour * 60 + ends.minute)) in (60, 1380)

    @given(moments)
    def test_who_said_nothing_is_never_disturbed_too_late(self, now):
        for empty in ({}, {"quiet_hours": {}}, {"quiet_hours": None}, {"zone": "Europe/Riga"}):
            assert quiet_until(empty, now) is None
        assert quiet_until(preferences(time(9), time(9), "UTC"), now) is None

    @pytest.mark.parametrize(
        ("now", "until"),
        [
            # The clock goes from three to four on the 29th, so that the night is an hour shorter.
            ("2026-03-28T21:00:00", "2026-03-29T05:00:00"),
            ("2026-03-28T05:59:00", "2026-03-28T06:00:00"),
            ("2026-03-28T06:00:00", None),
            ("2026-03-28T19:59:00", None),
            ("2026-03-28T20:00:00", "2026-03-29T05:00:00"),
        ],
    )
    def test_a_night_in_riga(self, now, until):
        found = quiet_until(preferences(time(22), time(8), "Europe/Riga"), datetime.fromisoformat(now).replace(tzinfo=UTC))
        assert found == (until and datetime.fromisoformat(until).replace(tzinfo=UTC))


@pytest.fixture
async def customer(client, clock) -> str:
    local = clock.now().astimezone(ZoneInfo("Europe/Riga"))
    hours = {"from": f"{local - timedelta(hours=1):%H:%M}", "to": f"{local + timedelta(hours=2):%H:%M}"}
    body = {"external_id": "C-1", "preferences": {"zone": "Europe/Riga", "quiet_hours": hours}}
    return (await client.post("/v1/customers", json=body)).json()["id"]


async def check(client, customer_id):
    asked = {"customer_id": customer_id, "purpose": "marketing", "channel": "sms"}
    answer = await client.post("/v1/consents/check", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_check_tells_how_long_it_is_quiet_and_keeps_it(client, clock, customer):
    until = (clock.now() + timedelta(hours=2)).replace(second=0, microsecond=0)
    decision = await check(client, customer)
    assert (decision["allowed"], datetime.fromisoformat(decision["quiet_until"])) == (False, until)
    answer = {"granted": True, "source": "form", "text_version": "1"}
    await client.put(f"/v1/customers/{customer}/consents/marketing/sms", json=answer)
    allowed = await check(client, customer)
    assert (allowed["allowed"], allowed["quiet_until"]) == (True, decision["quiet_until"])
    clock.advance(timedelta(hours=2))
    later = await check(client, customer)
    assert (later["allowed"], later["quiet_until"]) == (True, None)
    assert (await client.get(f"/v1/consents/decisions/{allowed['decision_id']}")).json() == allowed


async def test_a_batch_tells_each_and_a_merged_record_has_the_hours_of_its_customer(client, customer):
    other = (await client.post("/v1/customers", json={"external_id": "C-2"})).json()["id"]
    ask = {"items": [{"customer_id": each, "purpose": "marketing", "channel": "sms"} for each in (customer, other)]}

    async def told() -> list[bool]:
        results = (await client.post("/v1/consents/check/batch", json=ask)).json()["results"]
        return ["quiet_until" in each["decision"] for each in results]

    assert await told() == [True, False]
    await client.post("/v1/merges", json={"survivor_id": customer, "merged_id": other})
    assert await told() == [True, True]
