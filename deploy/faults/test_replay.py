"""F5: the whole history is sent again, several times; every projection keeps its checksum. A rebuild gives it back."""

from shop import Shop


def test_replayed_history_changes_nothing(stack, observer):
    shop = Shop(stack, "replay")
    shop.sell(60)
    observer.assert_nothing_lost_nothing_twice(shop)
    before = (observer.ledger()["checksum"], observer.history()["checksum"])
    for _ in range(5):
        stack.run("customers", "replay", "--all")
        stack.run("loyalty", "replay", "--all")
    more = Shop(stack, "after-replay")
    more.sell(1)
    observer.assert_nothing_lost_nothing_twice(shop, more)
    after = (observer.ledger()["checksum"], observer.history()["checksum"])
    assert after != before
    stack.run("customers", "replay", "--all")
    marker = Shop(stack, "marker")
    marker.sell(0)
    observer.assert_nothing_lost_nothing_twice(shop, more, marker)
    assert (observer.ledger()["checksum"], observer.history()["checksum"]) == after


def test_a_rebuilt_projection_has_the_same_checksum(stack, observer):
    shop = Shop(stack, "rebuild")
    shop.sell(30)
    # What was not applied yet would be new to the rebuilt one.
    observer.assert_nothing_lost_nothing_twice(shop)
    everything = observer.orders()
    before = observer.history()
    while before["checksum"] != (before := observer.history())["checksum"]:
        pass
    stack.kill("analytics")
    stack.run("analytics", "rebuild")
    stack.start_service("analytics")
    assert observer.orders() == everything
    assert observer.history()["checksum"] == before["checksum"]
