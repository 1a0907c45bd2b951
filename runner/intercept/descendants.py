"""Nothing of the workload outlives the launcher.

The launcher is a subreaper: whatever loses its parent becomes its child. So killing every descendant again and again until
there is no child left leaves no process, however fast they fork; what a sweep misses has lost its parent to it.
"""

# Plain os calls: this runs at stops, or between fork and exec, where Path objects are only a cost.
# ruff: noqa: PTH208

import os
import signal
import time
from collections.abc import Mapping

from runner.intercept.libc import WAIT_ALL

# Position of the parent in :func:`stat_fields`.
PARENT = 1
_STAT_BYTES = 4096
_PAUSE_S = 0.002
_LONGEST_S = 10.0


def descendants(ancestor: int) -> list[int]:
    """Processes below ``ancestor`` as /proc shows them now."""
    return below(ancestor, {int(name): _parent(int(name)) for name in os.listdir("/proc") if name.isdigit()})


def below(ancestor: int, parents: Mapping[int, int]) -> list[int]:
    """Processes below ``ancestor``.

    Args:
        ancestor: Not among them.
        parents: Of every process; 0 for one that is gone.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        if parent:
            children.setdefault(parent, []).append(pid)
    found: list[int] = []
    todo = [ancestor]
    while todo:
        born = children.get(todo.pop(), [])
        found += born
        todo += born
    return found


def stat_fields(path: str | os.PathLike[str]) -> list[bytes]:
    """What stands in a process's ``stat`` behind its name, from the state on (the manual's third field), by three system calls.

    Raises:
        OSError: The process is gone.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        # The name in parentheses may hold anything, also parentheses.
        return os.read(file, _STAT_BYTES).rpartition(b")")[2].split()
    finally:
        os.close(file)


def _parent(pid: int) -> int:
    try:
        return int(stat_fields(f"/proc/{pid}/stat")[PARENT])
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
