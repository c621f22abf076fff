"""Statements: they add up whatever happened, on the screen and on paper."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ledger import service as ledger_service
from loyalty.ledger.rules import Draw, Grant
from loyalty.members import service as members
from loyalty.statement import repository, rules, service
from loyalty.statement.errors import StatementBackwards, StatementTooLong
from loyalty.statement.pdf import render
from loyalty.statement.texts import WORDS
from shared.database.unit_of_work import UnitOfWork
from shared.testing.plans import plan_of

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
URL = "/v1/members/cus_1/statement"


async def post(ledger, *postings, at):
    async with UnitOfWork(ledger.database) as uow:
        for posting in postings:
            await (ledger_service.grant if isinstance(posting, Grant) else ledger_service.draw)(uow, [posting], at=at)
        await uow.commit()


@pytest.fixture
async def history(ledger):
    """Forty points that expire ten days ago, ten that do not, twenty spent in between."""
    first = NOW - 60 * DAY
    await post(
        ledger, Grant("cus_1", 40, "src_1", first, expires_at=NOW - 10 * DAY), Grant("cus_1", 10, "src_2", first + DAY), at=first + DAY
    )
    await post(ledger, Draw("cus_1", 20, "rdm_1", occurred_at=NOW - 20 * DAY), at=NOW - 20 * DAY)
    return ledger


async def test_the_lines_lead_from_the_opening_to_the_closing_balance(history, client):
    answer = await client.get(URL, params={"from": (NOW - 30 * DAY).isoformat(), "until": (NOW - 15 * DAY).isoformat()})
    assert answer.status_code == 200, answer.text
    statement = answer.json()
    assert (statement["opening"], statement["closing"], statement["totals"]) == (50, 30, {"redemption": -20})
    assert [(line["kind"], line["points"], line["balance"]) for line in statement["lines"]] == [("redemption", -20, 30)]


@pytest.mark.parametrize("booked", [False, True])
async def test_what_has_expired_is_shown_whether_it_is_booked_or_not(history, client, booked):
    if booked:
        async with UnitOfWork(history.database) as uow:
            await ledger_service.book_expiries(uow, 10)
            await uow.commit()
    statement = (await client.get(URL)).json()
    assert (statement["opening"], statement["closing"], statement["totals"]) == (50, 10, {"redemption": -20, "expiry": -20})
    assert (statement["lines"][-1]["entry_id"] is not None) is booked
    after = (await client.get(URL, params={"from": (NOW - 5 * DAY).isoformat()})).json()
    assert (after["opening"], after["closing"], after["lines"]) == (10, 10, [])


@given(
    steps=st.lists(st.tuples(st.integers(1, 50), st.integers(-30, 40).filter(bool), st.none() | st.integers(1, 30)), max_size=12),
    since=st.integers(1, 60),
    length=st.integers(1, 60),
)
async def test_a_statement_says_what_the_ledger_says_of_both_its_ends(empty_ledger, steps, since, length):
    async with empty_ledger() as ledger:
        await post(ledger, Grant("cus_1", 1, "src_0", NOW - 70 * DAY), at=NOW - 70 * DAY)
        for place, (days_ago, points, lasts) in enumerate(sorted(steps, reverse=True, key=lambda step: step[0])):
            then = NOW - days_ago * DAY + timedelta(minutes=place)
            expires = then + lasts * DAY if lasts else None
            await post(ledger, _posting(place, points, then, expires), at=then)
        begin = NOW - since * DAY
        end = min(begin + length * DAY, NOW)
        async with ledger.database.acquire() as connection:
            statement = await service.statement(connection, "cus_1", "points", begin, end)
            for told, moment in ((statement.opening, begin), (statement.closing, end)):
                # As of a moment includes what is dated at it; a statement's ends do not.
                state = (await members.member(connection, "cus_1", as_of=moment - timedelta(microseconds=1))).points
                assert told == state.booked - state.lapsed + (await _lapsing_at(connection, moment))


def _posting(place, points, then, expires):
    if points > 0:
        return Grant("cus_1", points, f"src_{place + 1}", then, expires_at=expires)
    return Draw("cus_1", -points, f"rdm_{place}", occurred_at=then)


async def _lapsing_at(connection, moment):
    """Points whose expiry is the very moment: gone at it, though not before it."""
    wallets = "(SELECT wallets_of(id, 'points', ARRAY['cus_1']) FROM programmes LIMIT 1)"
    at, before = [
        await connection.fetchval(f"SELECT lapsed FROM wallet_history({wallets}, $1, clock_timestamp())", when)
        for when in (moment, moment - timedelta(microseconds=1))
    ]
    return before - at


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"from": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "statement_backwards"),
        ({"from": "2020-01-01T00:00:00Z", "until": "2021-12-31T00:00:00Z"}, "statement_too_long"),
        ({"from": "2150-01-01T00:00:00Z"}, "statement_backwards"),
    ],
)
async def test_a_time_that_is_none_is_refused(history, client, params, code):
    for url in (URL, f"{URL}.pdf"):
        answer = await client.get(url, params=params)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["code"], error["pointer"], error["location"]) == (422, code, "/from", "query")


async def test_strangers_and_unknown_wallets_have_none(history, client):
    assert (await client.get("/v1/members/cus_9/statement")).json()["code"] == "member_not_found"
    assert (await client.get(URL, params={"wallet": "gems"})).json()["code"] == "wallet_not_found"


async def test_a_member_sees_his_own_only(history, client, token_of):
    for customer, status in (("cus_1", 200), ("cus_2", 404)):
        headers = {"authorization": f"Bearer {token_of(customer)}"}
        assert (await client.get(URL, headers=headers)).status_code == status
        assert (await client.get(f"{URL}.pdf", headers=headers)).status_code == status


async def test_more_lines_than_a_statement_has_are_refused(history, client, monkeypatch):
    monkeypatch.setattr(service, "MAX_LINES", 0)
    assert (await client.get(URL)).json()["code"] == "statement_too_long"


@pytest.mark.parametrize("language", WORDS)
async def test_it_is_printed_in_each_language(history, client, language):
    answer = await client.get(f"{URL}.pdf", params={"language": language})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")


def test_a_long_statement_has_as_many_pages_as_it_needs():
    lines = [rules.StatementLine(f"ent_{n}", "accrual", n + 1, NOW - DAY + timedelta(seconds=n), None) for n in range(120)]
    statement = rules.Statement("cus_1", "Точки", "points", "Europe/Riga", NOW - DAY, NOW, 0, lines)
    short = rules.Statement("cus_1", "Точки", "points", "Europe/Riga", NOW - DAY, NOW, 0, lines[:3])
    assert render(statement, "lv").count(b"/Type /Page\n") == 4
    assert render(short, "lv").count(b"/Type /Page\n") == 1


def test_every_kind_of_entry_has_a_word_in_each_language():
    kinds = set(WORDS["en"].kinds)
    assert all(set(words.kinds) == kinds and all(words.kinds.values()) for words in WORDS.values())


def test_a_statement_is_of_the_last_thirty_days_unless_told_otherwise():
    assert rules.period(None, None, NOW) == (NOW - 30 * DAY, NOW)
    assert rules.period(NOW - DAY, NOW + DAY, NOW) == (NOW - DAY, NOW)
    with pytest.raises(StatementBackwards):
        rules.period(NOW, None, NOW)
    with pytest.raises(StatementTooLong):
        rules.period(NOW - 367 * DAY, None, NOW)


async def test_the_query_reads_its_index(history):
    async with history.database.acquire() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        values = "'prg_00000000000000000000000001', 'cus_1', 'points', now() - interval '1 day', now(), 10"
        plan = await plan_of(connection, repository._STATEMENT, values)
    assert plan.count("ix_entries_of_member") == 2, plan
