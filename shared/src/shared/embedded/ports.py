"""TCP ports on the loopback address."""

import random
import socket
from collections.abc import Sequence

# Below those that systems lend to clients (from 32768 on Linux, 49152 elsewhere): one of these stays free until it is used.
_LOWEST, _HIGHEST = 11_000, 32_000


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listened on a moment ago."""
    return free_port_base((0,))


def free_port_base(offsets: Sequence[int]) -> int:
    """Return a port such that the ports at all offsets above it are free."""
    while True:
        base = random.randrange(_LOWEST, _HIGHEST)  # noqa: S311 - spreads suites apart, guards nothing
        if all(_can_bind(base + offset) for offset in offsets):
            return base


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still being forgotten is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0
