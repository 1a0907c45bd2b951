"""Limits of processor time and memory around a whole sandbox: one cgroup of this machine for the time of a run.

Version 1 and 2 of cgroups are known by what is mounted. The group is made before the sandbox starts; the sandbox's first
process enters it before it becomes anything else, so nothing of it is ever outside. Removing the group afterwards is
possible only once nothing is left in it, which the run's own PID namespace sees to. A run that was killed leaves an empty
group behind, which limits nobody; the next run with a limit removes it.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from runner.arena.cgroups import UNIFIED, Hierarchy, on_this_machine
from runner.core.counted import counted
from runner.model.fault import AnyFault, CpuQuota, MemoryLimit

# Not the host arena's: that one removes what bears its name and no living process's number.
PREFIX: Final = "runner-limit-"
PERIOD_US: Final = 100_000
_REMOVED_WITHIN_S = 2.0
_LOOK_AGAIN_S = 0.01
_ENTER = 'for group in $GROUPS_TO_ENTER; do echo $$ > "$group/cgroup.procs" || exit 125; done; exec "$@"'


class FaultUnavailableError(Exception):
    """A fault cannot be applied here; the message says why and what to do (exit code 4)."""


Found = tuple[Hierarchy, ...]


@attrs.frozen(kw_only=True)
class Limited:
    """Limits that are in force.

    Attributes:
        enter: Put in front of a command, runs it inside the limits.
        env: What ``enter`` needs in its environment.
        groups: Directory of each limit's group, by the fault's id.
    """

    enter: tuple[str, ...] = ()
    env: dict[str, str] = attrs.field(factory=dict)
    groups: dict[str, Path] = attrs.field(factory=dict)

    def felt(self, fault: AnyFault) -> str:
        """What the kernel counted of the limit at work, in words; empty when it had no effect so far."""
        group = self.groups.get(fault.id)
        if group is None:
            return ""
        counts = _counts(group / "cpu.stat") | _counts(group / "memory.oom_control") | _counts(group / "memory.events")
        if isinstance(fault, CpuQuota):
            held_s = counts.get("throttled_time", 0) / 1e9 + counts.get("throttled_usec", 0) / 1e6
            times = counts.get("nr_throttled", 0)
            return f"held back in {times} of {counts.get('nr_periods', 0)} periods, {held_s:.1f} s" if times else ""
        failures = _number(group / "memory.failcnt") + counts.get("max", 0)
        kills = counts.get("oom_kill", 0)
        if not failures and not kills:
            return ""
        return f"the limit was met {counted(failures, 'time')}, {counted(kills, 'process', 'processes')} killed for it"

    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in the sandbox for a memory limit."""
        return any(
            (_counts(group / "memory.oom_control") | _counts(group / "memory.events")).get("oom_kill", 0)
            for group in self.groups.values()
        )


def unavailable(faults: tuple[AnyFault, ...], *, sandboxed: bool, found: Found | None = None) -> str:
    """Why some of the faults cannot be applied here; empty when all can be.

    Args:
        faults: What is asked for.
        sandboxed: Whether the run gets a sandbox of its own, around which a limit can lie.
        found: Where groups can be made; None looks at this machine.
    """
    for fault in faults:
        if not isinstance(fault, CpuQuota | MemoryLimit):
            continue
        if not sandboxed:
            return (
                f"fault {fault.id} needs a sandbox of this run's own to limit, and this run is inside somebody else's;"
                f" run it on the machine itself, or choose another fault"
            )
        home = _home(fault, on_this_machine() if found is None else found)
        if home is None or not os.access(home, os.W_OK):
            wanted = _controller(fault)
            return (
                f"fault {fault.id} needs the {wanted} cgroup controller of this machine, and none is mounted that can be"
                f" written; mount it (version 1: mount -t cgroup -o {wanted} cgroup DIRECTORY), or choose another fault"
            )
    return ""


@contextlib.contextmanager
def limits(faults: tuple[AnyFault, ...], run_id: str, found: Found | None = None) -> Iterator[Limited]:
    """Make the groups of those faults that are limits; they are removed at the end.

    Args:
        faults: Any faults; others than limits are passed over.
        run_id: Names the groups.
        found: Where groups can be made; None looks at this machine.

    Raises:
        FaultUnavailableError: The kernel refuses a group or a number.
    """
    made: dict[str, Path] = {}
    try:
        for fault in faults:
            if isinstance(fault, CpuQuota | MemoryLimit):
                made[fault.id] = _make(fault, run_id, on_this_machine() if found is None else found)
        if not made:
            yield Limited()
            return
        groups = dict.fromkeys(made.values())
        yield Limited(
            enter=("sh", "-c", _ENTER, "enter-limits"),
            env={"GROUPS_TO_ENTER": " ".join(str(group) for group in groups)},
            groups=made,
        )
    finally:
        for group in dict.fromkeys(made.values()):
            _remove(group)


def _make(fault: CpuQuota | MemoryLimit, run_id: str, found: Found) -> Path:
    home = _home(fault, found)
    if home is None:
        raise FaultUnavailableError(unavailable((fault,), sandboxed=True, found=found))
    for stale in home.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # one that somebody is in is in use
            stale.rmdir()
    group = home / f"{PREFIX}{run_id}"
    try:
        group.mkdir(exist_ok=True)
        if isinstance(fault, CpuQuota):
            quota = round(fault.percent / 100 * PERIOD_US)
            if (group / "cpu.max").exists():
                (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            else:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            limit = str(round(fault.mib * 2**20))
            name = "memory.max" if (group / "memory.max").exists() else "memory.limit_in_bytes"
            (group / name).write_text(limit)
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise FaultUnavailableError(f"fault {fault.id}: {group}: {error.strerror}; is the number in range?") from error
    return group


def _remove(group: Path) -> None:
    """Remove a group as soon as the last process is out of it; the kernel ends them by itself, which takes a moment."""
    deadline = time.monotonic() + _REMOVED_WITHIN_S
    while group.exists():
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                return  # the next run with a limit tries again
            time.sleep(_LOOK_AGAIN_S)


def _home(fault: CpuQuota | MemoryLimit, found: Found) -> Path | None:
    """The directory below which a group with the fault's controller can be made; None when there is none."""
    controller = _controller(fault)
    for hierarchy in found:
        if controller in hierarchy.controllers.split(","):
            return hierarchy.parent
        subtree = hierarchy.parent / "cgroup.subtree_control"
        if hierarchy.controllers == UNIFIED and subtree.exists() and controller in subtree.read_text().split():
            return hierarchy.parent
    return None


def _controller(fault: CpuQuota | MemoryLimit) -> str:
    return "cpu" if isinstance(fault, CpuQuota) else "memory"


def _counts(file: Path) -> dict[str, int]:
    try:
        words = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in words if len(line) == 2 and line[1].isdecimal()}  # noqa: PLR2004  a pair


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
