"""F2, F3: Postgres and the broker are killed; the broker comes back empty, or stays away for a while."""

import time

from shop import Shop


def test_postgres_is_killed_under_load(stack, observer):
    shop = Shop(stack, "postgres")
    selling = shop.selling(150)
    while len(shop.acknowledged) < 40:
        time.sleep(0.02)
    stack.postgres.kill()
    stack.postgres.start()
    selling.join()
    observer.assert_nothing_lost_nothing_twice(shop)


def test_the_broker_is_killed_and_comes_back_empty(stack, observer):
    shop = Shop(stack, "broker")
    selling = shop.selling(150)
    while len(shop.acknowledged) < 40:
        time.sleep(0.02)
    stack.broker.kill()
    stack.replace_broker()
    selling.join()
    observer.assert_nothing_lost_nothing_twice(shop)


def test_writes_go_on_while_the_broker_is_away(stack, observer):
    before = Shop(stack, "with-broker")
    before.sell(100)
    stack.broker.stop()
    shop = Shop(stack, "without-broker")
    shop.sell(100)
    assert shop.retries == 0
    stack.replace_broker()
    observer.assert_nothing_lost_nothing_twice(before, shop)
