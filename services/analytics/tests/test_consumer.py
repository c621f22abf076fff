"""Through the consumer's own code: inbox, version gate, dead letters and rebuilding."""

from analytics_events import accrued, customer, order, response, returned
from analytics_recomputation import recomputed, stored

from analytics.app import SERVICE
from shared.testing.bus import deliver, message

FIRST, SECOND = order("ord_1", "cus_a", "2026-01-31"), order("ord_2", "cus_a", "2026-03-01")
BACK = returned("ret_1", FIRST, 400)
GOOD = [(customer("cus_a"), 1), (FIRST, 1), (BACK, 2), (SECOND, 1), (response("rsp_1", 9), 1), (response("rsp_2", 3), 1)]


async def count(database, table: str) -> int:
    async with database.acquire() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")


async def test_the_same_messages_again_and_backwards_change_nothing(committed_database):
    messages = [message(event, sequence) for event, sequence in GOOD]
    await deliver(committed_database, SERVICE, messages[::-1])
    await deliver(committed_database, SERVICE, messages + messages)
    assert await stored(committed_database) == recomputed(event for event, _ in GOOD)
    assert await count(committed_database, "parked_events") == 0


async def test_a_malformed_event_is_a_dead_letter_and_the_others_are_applied(committed_database):
    await deliver(committed_database, SERVICE, [*GOOD, (response("rsp_bad", 11), 1), (accrued("ent_1", 10), 1)])
    assert await stored(committed_database) == recomputed([event for event, _ in GOOD] + [accrued("ent_1", 10)])
    assert await count(committed_database, "dead_letters") == 1
