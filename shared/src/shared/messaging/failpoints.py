"""Named places at which a test can kill the process or raise an error.

Armed only through the environment, read once at import: `REGULARS_FAILPOINT=name:action[:count]`, several separated by commas.
The action is `kill` (SIGKILL to this process) or `raise` (a `FailpointReached`); it happens at the count-th passage, the
first by default. An unarmed point costs one comparison.
"""

import os
import signal
from dataclasses import dataclass

from shared.errors import Unavailable

# Every point there is, in the order in which an event passes them.
FAILPOINTS = (
    "request.before_work",  # the request is authorised, nothing is written
    "unit_of_work.before_events",  # rows are written, their events are not
    "unit_of_work.before_commit",  # rows and events are written, nothing is committed
    "unit_of_work.after_commit",  # committed, nobody has been told
    "request.before_answer",  # committed, the answer has not left
    "relay.after_read",  # pending events are read
    "relay.after_send",  # the broker has them, the outbox does not know
    "relay.after_settle",  # the outbox has forgotten them
    "consumer.after_poll",  # records are in memory
    "consumer.after_admit",  # inbox marks are written, no handler has run
    "consumer.after_handlers",  # effects are written, versions are not
    "consumer.before_commit",  # all is written, nothing is committed
    "consumer.after_commit",  # committed, the offsets are not
    "consumer.before_offsets",  # about to commit offsets
    "consumer.after_offsets",  # offsets are committed
    "redrive.before_commit",  # a parked key is applied, nothing is committed
)


class FailpointReached(Unavailable):
    """An armed point was passed; transient, as the faults that it stands for."""

    code = "failpoint_reached"
    title = "A test made this fail."


@dataclass
class _Armed:
    action: str
    remaining: int


def read_failpoints(setting: str) -> dict[str, _Armed]:
    """Return what a setting such as `relay.after_send:kill:3` arms.

    Raises:
        ValueError: a name or an action is unknown.
    """
    armed: dict[str, _Armed] = {}
    for part in filter(None, setting.split(",")):
        name, action, count = (*part.strip().split(":"), "1")[:3]
        if name not in FAILPOINTS or action not in ("kill", "raise"):
            raise ValueError(f"no such failpoint: {part}")
        armed[name] = _Armed(action, int(count))
    return armed


_armed: dict[str, _Armed] | None = read_failpoints(os.environ.get("REGULARS_FAILPOINT", "")) or None


def failpoint(name: str) -> None:
    """Mark a place; does nothing unless it is armed.

    Raises:
        FailpointReached: the place is armed with `raise` and its count is reached.
    """
    if _armed is not None:
        _pass(name)


def _pass(name: str) -> None:
    point = _armed.get(name) if _armed else None
    if point is None:
        return
    point.remaining -= 1
    if point.remaining != 0:
        return
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise FailpointReached(name)
