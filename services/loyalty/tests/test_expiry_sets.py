"""What is worked out for many lots at once is what the functions of one lot, of one wallet and of one draw say, over any history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_model import EVER, Model
from ledger_pair import PEOPLE, Both
from test_histories import Histories, people, steps, terms

from loyalty.app import SERVICE
from loyalty.expiry import repository as expiry
from loyalty.liability import repository
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.verification.repository import verify
from loyalty.verification.rules import is_sound
from shared.database.sql_scripts import statements_of
from shared.database.unit_of_work import UnitOfWork

DAY = timedelta(days=1)
BASE = datetime(2025, 3, 1, tzinfo=UTC)
SQL = Path(SERVICE.migrations) / "sql"
# The functions that went lot by lot, as they were.
PLAIN = {"due_lots": "0002_lots", "next_lapse": "0002_lots", "book_expiries": "0002_move"}

FILL = """
INSERT INTO expiry_policies (programme_id, version, kind, unit, units, zone, exempt_tiers, effective_from)
SELECT $1, version, 'activity', unit, units, zone, exempt, '2000-01-01'::timestamptz + version * interval '1 day'
FROM jsonb_to_recordset($2) AS told (version integer, unit text, units integer, zone text, exempt text[])
"""
LINKS = """
INSERT INTO customer_links (customer_id, survivor_id, root_id, merge_id, sequence)
SELECT customer, survivor, survivor, 'm', 1 FROM jsonb_to_recordset($1) AS told (customer text, survivor text)
"""
LOTS = """
INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, expires_at, expiry_version)
SELECT 'lot_' || place, accounts.id, 'none_' || place, 9, 9, '2025-01-01', (told ->> 1)::timestamptz, (told ->> 2)::integer
FROM jsonb_array_elements($2) WITH ORDINALITY AS told (told, place) JOIN accounts ON customer_id = told ->> 0
WHERE programme_id = $1 AND wallet = 'points'
"""
LOTS_TOO = LOTS.replace("'lot_'", "'lot_too_'").replace("'points'", "'tier_points'")
ENTRIES = """
INSERT INTO entries (id, account_id, customer_id, kind, source_id, points, counter, occurred_at, recorded_at, sequence, hash)
SELECT 'ent_' || place, accounts.id, customer_id, told ->> 3, 'src_' || place, CASE told ->> 3 WHEN 'accrual' THEN 1 ELSE -1 END,
       'issuance', (told ->> 1)::timestamptz, (told ->> 2)::timestamptz, place, ''
FROM jsonb_array_elements($2) WITH ORDINALITY AS told (told, place) JOIN accounts ON customer_id = told ->> 0
WHERE programme_id = $1 AND wallet = 'points'
"""
ORDERS = """
INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor, recorded_at)
SELECT 'ord_' || place, told ->> 0, $1, 0, (told ->> 1)::timestamptz, 1, (told ->> 2)::timestamptz
FROM jsonb_array_elements($2) WITH ORDINALITY AS told (told, place)
"""
CHANGES = """
INSERT INTO tier_changes (id, programme_id, customer_id, tier, changed_at, reason, scheme_version, recorded_at)
SELECT 'tch_' || place, $1, told ->> 0, told ->> 3, (told ->> 1)::timestamptz, 'test', 1, (told ->> 2)::timestamptz
FROM jsonb_array_elements($2) WITH ORDINALITY AS told (told, place)
"""
STANDINGS = """
INSERT INTO tier_standings (programme_id, customer_id, tier, until) SELECT $1, told ->> 0, 'gold', (told ->> 1)::timestamptz
FROM jsonb_array_elements($2) AS told ON CONFLICT DO NOTHING
"""
ONE_BY_ONE = "SELECT id, nullif(lot_expiry(id, $1, $2), 'infinity') AS ends FROM lots ORDER BY id"
AT_ONCE = """
SELECT lot_id AS id, nullif(expires_at, 'infinity') AS ends FROM lot_expiries(ARRAY(SELECT id FROM lots), $1, $2) ORDER BY lot_id
"""

# Midnights, at which points end, and noons: what happens at the very moment of an end is too late.
moments = st.builds(lambda halves: (BASE + halves * DAY / 2).isoformat(), st.integers(0, 60))
# About now, as the database's clock has it.
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
soon = st.builds(lambda days: (MIDNIGHT + days * DAY).isoformat(), st.integers(-70, 9))
policies = st.lists(
    st.fixed_dictionaries(
        {
            "unit": st.sampled_from(["day", "day", "month"]),
            "units": st.integers(0, 3),
            "zone": st.sampled_from(["UTC", "UTC", "Europe/Riga", "America/Havana"]),
            "exempt": st.sampled_from([[], [], ["gold"], ["gold", "green"]]),
        }
    ),
    min_size=2,
    max_size=2,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    terms=policies,
    links=st.sampled_from([[], [("cus_b", "cus_a")], [("cus_b", "cus_a"), ("cus_c", "cus_a")]]),
    lots=st.lists(st.tuples(people, moments, st.integers(0, 2)), min_size=1, max_size=8),
    entries=st.lists(st.tuples(people, moments, moments, st.sampled_from(["accrual", "redemption", "expiry"])), max_size=12),
    orders=st.lists(st.tuples(people, moments, moments), max_size=8),
    changes=st.lists(st.tuples(people, moments, moments, st.sampled_from(["gold", "green", "red", None])), max_size=5),
    standings=st.lists(st.tuples(people, moments), max_size=2),
    asked=st.lists(st.tuples(moments, moments), min_size=1, max_size=3),
)
async def test_ends_of_many_lots_are_the_ends_of_each(empty_ledger, terms, links, lots, entries, orders, changes, standings, asked):
    async with empty_ledger() as ledger, ledger.database.acquire() as connection:
        await connection.execute("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(PEOPLE))
        await connection.execute(FILL, PROGRAMME_ID, [{"version": place + 1, **term} for place, term in enumerate(terms)])
        await connection.execute(LINKS, [{"customer": merged, "survivor": survivor} for merged, survivor in links])
        for statement, rows in ((LOTS, lots), (ENTRIES, entries), (ORDERS, orders), (CHANGES, changes), (STANDINGS, standings)):
            await connection.execute(statement, PROGRAMME_ID, rows)
        for moment, known in asked:
            for known_at in (datetime.fromisoformat(known), EVER):
                at = datetime.fromisoformat(moment)
                assert await connection.fetch(AT_ONCE, at, known_at) == await connection.fetch(ONE_BY_ONE, at, known_at)


class Anything(Histories):
    """Lets people merge and share too, and compares with nobody at each step."""

    async def step(self, kind, *arguments):
        await Both.step(self, kind, *arguments)
        self.told.append(self.at)


async def _make_plain(connection):
    for function, script in PLAIN.items():
        [statement] = [statement for statement in statements_of(SQL, script) if f"CREATE FUNCTION {function}(" in statement]
        for name in PLAIN:
            statement = statement.replace(f"{name}(", f"plain_{name}(")
        await connection.execute(statement)


WATCHED = "ARRAY(SELECT account_id FROM expiry_watches WHERE due_at <= $1)"
DUE = f"SELECT * FROM {{}}due_lots(100, {WATCHED}, $1)"
LAPSES = """
SELECT account_id, nullif(lapses_at, 'infinity') AS lapses_at FROM next_lapses(ARRAY(SELECT account_id FROM expiry_watches), $1)
ORDER BY account_id
"""
PLAIN_LAPSES = """
SELECT account_id, nullif(plain_next_lapse(account_id, $1), 'infinity') AS lapses_at FROM expiry_watches ORDER BY account_id
"""
BOOKED = "SELECT customer_id, wallet, points, occurred_at, sequence FROM {}book_expiries($2, $1) ORDER BY customer_id, sequence"
LEFT = "SELECT account_id, lots.remaining, balance FROM lots JOIN accounts ON accounts.id = account_id ORDER BY lots.id"
WATCHES = "SELECT account_id, nullif(due_at, 'infinity') AS due_at FROM expiry_watches ORDER BY account_id"
THEN = """
SELECT spendable + pending + held
FROM wallet_history(ARRAY(SELECT id FROM accounts WHERE customer_id IS NOT NULL AND wallet = 'points'), $1, $2)
"""
OWE = """
INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, is_overdraft)
SELECT 'lot_overdraft_' || id, id, '', 0, -7, '-infinity', true FROM accounts WHERE customer_id = ANY ($1)
"""
BALANCE = """
UPDATE accounts SET balance = (SELECT coalesce(sum(remaining), 0) FROM lots WHERE account_id = accounts.id) WHERE kind = 'member'
"""
OWED = """
SELECT coalesce(sum(lot_draws.points), 0)::bigint
FROM lot_draws JOIN lots ON lots.id = lot_id JOIN entries ON entries.id = lot_draws.entry_id
WHERE is_overdraft AND occurred_at <= $1 AND recorded_at <= $2
"""
# What of a member expires when, as it was read before in one piece.
EXPIRATIONS = """
SELECT wallet, expires_at, sum(points)::bigint, coalesce(sum(points) FILTER (WHERE is_extendable), 0)::bigint
FROM (
    SELECT wallet, greatest(lots.expires_at, frontier) AS expires_at, remaining AS points, lots.expiry_version <> 0 AS is_extendable
    FROM accounts CROSS JOIN LATERAL standing_of(ARRAY[accounts.id], clock_timestamp()) AS standing
    JOIN lots ON lots.account_id = accounts.id AND lots.expiry_version = standing.expiry_version
        AND remaining > 0 AND lots.expires_at > since
    WHERE accounts.customer_id = ANY (family_of($1)) AND programme_id = $2 AND (lots.expires_at < 'infinity' OR lots.expiry_version <> 0)
) AS counting WHERE expires_at < 'infinity' GROUP BY wallet, expires_at ORDER BY expires_at, wallet
"""
sharing = st.tuples(st.sampled_from(["merge", "unmerge", "household"]), st.just(0))


async def _books(connection, prefix, at, many):
    """Book in a transaction that is taken back; return all that it changed."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        booked = await connection.fetch(BOOKED.format(prefix), at, many)
        return booked, await connection.fetch(LEFT), await connection.fetch(WATCHES), is_sound(await verify(connection))
    finally:
        await transaction.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    first=terms,
    script=st.lists(st.one_of(steps, steps, steps, sharing), max_size=20),
    books=st.booleans(),
    ahead=st.sampled_from([0, 1, 3, 9]),
    many=st.sampled_from([1, 3, 100]),
)
async def test_what_is_due_and_booked_is_what_one_by_one_is(empty_ledger, first, script, books, ahead, many):
    async with empty_ledger() as ledger, UnitOfWork(ledger.database) as uow:
        connection = uow.connection
        await connection.execute("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(PEOPLE))
        await _make_plain(connection)
        both = Anything(uow, Model(everybody=PEOPLE), books=books)
        for step in (("policy", first), *script):
            await both.step(*step)
        at = both.at + ahead * DAY
        assert await connection.fetch(DUE.format(""), at) == await connection.fetch(DUE.format("plain_"), at)
        assert await connection.fetch(LAPSES, at) == await connection.fetch(PLAIN_LAPSES, at)
        booked = await _books(connection, "", at, many)
        assert booked == await _books(connection, "plain_", at, many)
        assert booked[-1]
        for valid in both.told[-4:]:
            for known in (both.told[0], both.told[-1], EVER):
                then = await repository.outstanding_then(connection, PROGRAMME_ID, valid, known)
                expected = await connection.fetchval(THEN, valid, known)
                assert {row.wallet: row.outstanding for row in then}["points"] == expected
                flows = await repository.flows(connection, PROGRAMME_ID, "points", valid, known)
                held = sum(flow.earned - flow.redeemed - flow.gone for flow in flows)
                assert held == expected + await connection.fetchval(OWED, valid, known)


async def _pages(connection, who, wallet, many):
    """Read what of a member expires when, page by page."""
    found, after = [], None
    while page := await expiry.of_member(connection, who, PROGRAMME_ID, wallet, many, after):
        found += [(row.wallet, row.expires_at, row.points, row.extendable) for row in page]
        after = (page[-1].expires_at, page[-1].wallet)
        assert len(page) <= many
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    terms=policies,
    merged=st.booleans(),
    lots=st.lists(st.tuples(people, soon, st.integers(0, 2)), max_size=14),
    entries=st.lists(st.tuples(people, soon, soon, st.sampled_from(["accrual", "redemption"])), max_size=6),
    changes=st.lists(st.tuples(people, soon, soon, st.sampled_from(["gold", None])), max_size=2),
    many=st.integers(1, 4),
    few=st.integers(0, 3),
    owing=st.lists(people, max_size=2, unique=True),
)
async def test_pages_of_expirations_are_all_of_them(empty_ledger, terms, merged, lots, entries, changes, many, few, owing):
    async with empty_ledger() as ledger, ledger.database.acquire() as connection:
        await connection.execute("SELECT ensure_members($1, $2)", PROGRAMME_ID, list(PEOPLE))
        await connection.execute("SELECT ensure_wallets($1, $2, $3)", PROGRAMME_ID, ["cus_a", "cus_b"], ["tier_points", "tier_points"])
        await connection.execute(FILL, PROGRAMME_ID, [{"version": place + 1, **term} for place, term in enumerate(terms)])
        await connection.execute(LINKS, [{"customer": "cus_b", "survivor": "cus_a"}] if merged else [])
        for statement, rows in ((LOTS, lots), (LOTS_TOO, lots[::3]), (ENTRIES, entries), (CHANGES, changes)):
            await connection.execute(statement, PROGRAMME_ID, rows)
        await connection.execute(OWE, owing)
        await connection.execute(BALANCE)
        for who in PEOPLE:
            expected = [tuple(row) for row in await connection.fetch(EXPIRATIONS, who, PROGRAMME_ID)]
            at_once = await connection.fetch(expiry._OF_MEMBER, who, PROGRAMME_ID, None, BASE - 900 * DAY, "", 1_000, few)
            assert [(row[0], row[1], row[3], row[4]) for row in at_once] == expected
            assert await _pages(connection, who, None, many) == expected
            assert await _pages(connection, who, "points", many) == [row for row in expected if row[0] == "points"]
