"""Becomes another program, after it has given up privileges and asked the kernel to be signalled when its parent dies.

Runs by path as a process of its own: Python code between fork and exec is unsafe when there are threads.
Arguments: parent's process id, death signal (0 for none), user id and group id (-1 to stay), program, its arguments.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, user_id: int, group_id: int, program: list[str]) -> None:
    """Replace this process by the program."""
    if user_id >= 0:
        os.setgroups([])
        os.setgid(group_id)
        os.setuid(user_id)
    # The kernel forgets the death signal when the user changes, so it is set after.
    if death_signal and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            sys.exit("The parent died before its child started.")
    os.execvp(program[0], program)  # noqa: S606 - the whole point; no shell is involved


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:5]), program=sys.argv[5:])
