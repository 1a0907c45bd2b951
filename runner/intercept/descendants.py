"""Nothing of the workload outlives the launcher.

The launcher is a subreaper: whatever loses its parent becomes its child. So killing every descendant again and again until
there is no child left leaves no process, however fast they fork; what a sweep misses has lost its parent to it.
"""

# Plain os calls: this runs at stops, or between fork and exec, where Path objects are only a cost.
# ruff: noqa: PTH208, PTH123

import os
import signal
import time

from runner.intercept.libc import WAIT_ALL

_PAUSE_S = 0.002
_LONGEST_S = 10.0


def descendants(ancestor: int) -> list[int]:
    """Processes below ``ancestor`` as /proc shows them now."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent = _parent(int(name))
            if parent:
                children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    todo = [ancestor]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name in parentheses may hold anything, also parentheses.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def kill_all() -> bool:
    """Kill every descendant of this process and wait for it; False if some would not die in time."""
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG | WAIT_ALL)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(_PAUSE_S)
    return False
