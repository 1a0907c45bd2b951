"""Cgroups for the host arena: which hierarchies, where in them, and that none stays."""

import os
from pathlib import Path

import pytest

from runner.arena.cgroups import PREFIX, Hierarchy, hierarchies, make, sweep
from runner.host.mounts import mount_table

# Debian with systemd's hybrid layout, as a Firecracker guest showed it.
VERSION_1 = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset,clone_children 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime,nsdelegate 0 0
"""
VERSION_2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0\n"


def found(tmp_path: Path, mounts: str, own: str) -> list[tuple[str, str, str]]:
    table = tmp_path / "mounts"
    table.write_text(mounts)
    return [
        (str(hierarchy.mount), hierarchy.controllers, str(hierarchy.parent))
        for hierarchy in hierarchies(mount_table(table), own)
    ]


def test_of_version_1_those_with_controllers_are_taken_and_the_unified_one_beside_them_is_not(tmp_path: Path) -> None:
    assert found(tmp_path, VERSION_1, "2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n") == [
        ("/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
        ("/sys/fs/cgroup/cpuset", "cpuset", "/sys/fs/cgroup/cpuset"),
    ]


def test_of_version_2_the_one_hierarchy_is_taken_at_its_top(tmp_path: Path) -> None:
    assert found(tmp_path, VERSION_2, "0::/user.slice/session-1.scope\n") == [
        ("/sys/fs/cgroup", "unified", "/sys/fs/cgroup")
    ]


def test_a_run_stays_below_the_group_whose_limits_hold_for_its_maker(tmp_path: Path) -> None:
    (tmp_path / "memory/job/42").mkdir(parents=True)
    mounts = f"cgroup {tmp_path}/memory cgroup rw,memory 0 0\n"
    assert found(tmp_path, mounts, "4:memory:/job/42\n") == [
        (f"{tmp_path}/memory", "memory", f"{tmp_path}/memory/job/42")
    ]


@pytest.fixture
def cpuset(tmp_path: Path) -> tuple[Hierarchy, ...]:
    """A directory in the place of a cpuset hierarchy."""
    (tmp_path / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset.mems").write_text("0\n")
    return (Hierarchy(mount=tmp_path, controllers="cpuset", parent=tmp_path),)


def test_a_new_cpuset_group_gets_processors_and_memory_or_no_process_could_enter(
    cpuset: tuple[Hierarchy, ...],
) -> None:
    (group,) = make(cpuset, 1)
    assert ((group / "cpuset.cpus").read_text(), (group / "cpuset.mems").read_text()) == ("0-1\n", "0\n")


def test_ones_own_groups_and_those_of_the_dead_are_removed_with_what_is_below_them(tmp_path: Path) -> None:
    hierarchy = (Hierarchy(mount=tmp_path, controllers="memory", parent=tmp_path),)
    own, dead, alive, other = (
        tmp_path / name for name in (f"{PREFIX}{os.getpid()}", f"{PREFIX}4194305", f"{PREFIX}1", "kubepods")
    )
    for directory in (own / "kubepods/burstable", dead / "pod", alive / "pod", other):
        directory.mkdir(parents=True)
    sweep(hierarchy, os.getpid())
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}1", "kubepods"]
    assert (alive / "pod").is_dir()
