"""A cgroup of a run's own in each of the machine's hierarchies, for the ``host`` arena.

With a cgroup namespace on top, the run sees its own group as the root and can reach nothing above it. On a machine with
cgroup version 1, alone or beside version 2, the hierarchies of version 1 that have controllers are taken; else the unified one.
"""

from contextlib import suppress
from pathlib import Path

import attrs

from runner.host.mounts import Mounted, mount_table

PREFIX = "k3s-in-gvisor-"
UNIFIED = "unified"
# A new group of a cpuset hierarchy has none of either, and takes no process.
CPUSET = ("cpuset.cpus", "cpuset.mems")
CONTROLLERS = {
    *("blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb"),
    *("memory", "misc", "net_cls", "net_prio", "perf_event", "pids", "rdma"),
}


@attrs.frozen(kw_only=True)
class Hierarchy:
    """One mounted hierarchy.

    Attributes:
        mount: Where.
        controllers: As ``mount -o`` takes them; ``unified`` for version 2.
        parent: The directory in which a run's group is made.
    """

    mount: Path
    controllers: str
    parent: Path


def hierarchies(table: tuple[Mounted, ...], own: str) -> tuple[Hierarchy, ...]:
    """The hierarchies that a run gets a group in.

    Args:
        table: The mounts.
        own: Text of /proc/self/cgroup.
    """
    groups = {names: path for _, names, path in (line.split(":", 2) for line in own.splitlines())}
    old, unified = [], []
    for entry in table:
        mount = Path(entry.target)
        if entry.fstype == "cgroup2":
            # At the top: only a group without processes of its own, or the root, gives controllers to those below.
            unified.append(Hierarchy(mount=mount, controllers=UNIFIED, parent=mount))
        elif entry.fstype == "cgroup":
            controllers = ",".join(option for option in entry.options if option in CONTROLLERS)
            if controllers:
                # Below our own group: whatever limits hold for us hold for the run.
                mine = mount / groups.get(controllers, "/").lstrip("/")
                old.append(Hierarchy(mount=mount, controllers=controllers, parent=mine if mine.is_dir() else mount))
    return tuple(old or unified[:1])


def make(found: tuple[Hierarchy, ...], pid: int) -> tuple[Path, ...]:
    """Make a run's groups, one directory in each hierarchy.

    Args:
        found: Where.
        pid: Of the process that will remove them; part of their name.

    Raises:
        OSError: The kernel refuses.
    """
    directories = []
    for hierarchy in found:
        directory = hierarchy.parent / f"{PREFIX}{pid}"
        directory.mkdir()
        for name in CPUSET if "cpuset" in hierarchy.controllers.split(",") else ():
            (directory / name).write_text((hierarchy.parent / name).read_text())
        directories.append(directory)
    return tuple(directories)


def sweep(found: tuple[Hierarchy, ...], pid: int) -> bool:
    """Remove the groups of process ``pid``, and those whose process is gone; what still runs in one keeps it.

    Returns:
        Whether none of them is left.
    """
    left = False
    for hierarchy in found:
        for directory in hierarchy.parent.glob(f"{PREFIX}*"):
            maker = directory.name.removeprefix(PREFIX)
            if maker == str(pid) or not Path("/proc", maker).exists():
                _remove(directory)
                left = left or directory.exists()
    return not left


def on_this_machine() -> tuple[Hierarchy, ...]:
    """The hierarchies that a run started by this process gets a group in."""
    return hierarchies(mount_table(), Path("/proc/self/cgroup").read_text())


def _remove(directory: Path) -> None:
    with suppress(OSError):
        for child in directory.iterdir():
            if child.is_dir():
                _remove(child)
        directory.rmdir()
