"""F4: a process is frozen past every session and lease, then goes on as if nothing had happened."""

import time

from shop import Shop

# The embedded broker's session ends after two seconds.
_LONGER_THAN_A_SESSION_SECONDS = 4.0


def test_a_frozen_consumer_applies_nothing_twice(stack, observer):
    shop = Shop(stack, "frozen-consumer")
    selling = shop.selling(80)
    stack.freeze("loyalty")
    time.sleep(_LONGER_THAN_A_SESSION_SECONDS)
    stack.thaw("loyalty")
    selling.join()
    observer.assert_nothing_lost_nothing_twice(shop)


def test_frozen_postgres_gives_503_in_time_and_recovers(stack, observer):
    import os
    import signal

    import psutil

    shop = Shop(stack, "frozen-postgres")
    shop.sell(5)
    backends = psutil.Process(stack.postgres.process_id).children(recursive=True)
    for process in backends:
        os.kill(process.pid, signal.SIGSTOP)
    os.kill(stack.postgres.process_id, signal.SIGSTOP)
    try:
        with stack.client("customers") as client:
            for _ in range(3):
                began = time.monotonic()
                response = client.get("/v1/customers")
                assert response.status_code == 503
                assert "Retry-After" in response.headers
                assert time.monotonic() - began < 2.5
    finally:
        os.kill(stack.postgres.process_id, signal.SIGCONT)
        for process in backends:
            os.kill(process.pid, signal.SIGCONT)
    began = time.monotonic()
    shop.sell(1)
    assert time.monotonic() - began < 10
    observer.assert_nothing_lost_nothing_twice(shop)
