"""A stack for each module of fault tests: what one module breaks another must not meet."""

from collections.abc import Iterator

import pytest

from observer import Observer
from stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Customers, loyalty and analytics on durable Postgres and a broker."""
    running = Stack(tmp_path_factory.mktemp("stack"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def observer(stack: Stack) -> Observer:
    """Tells what each service has applied."""
    return Observer(stack)
