"""Limits around a sandbox: both versions of cgroups, refusals before the run, and that none outlives it."""

import os
import subprocess
from pathlib import Path

import pytest

from runner.arena.cgroups import UNIFIED, Hierarchy, on_this_machine
from runner.arena.limits import PREFIX, FaultUnavailableError, Found, limits, unavailable
from runner.model.fault import CpuQuota, MemoryLimit, SlowDisk

QUOTA = CpuQuota(id="cpu-quota", reason="r", percent=40)
MEMORY = MemoryLimit(id="memory-limit", reason="r", mib=64)
SLOW = SlowDisk(id="slow-disk", reason="r", calls=("pread64",), delay_s=0.1)

real_cgroups = pytest.mark.skipif(
    bool(unavailable((QUOTA, MEMORY), sandboxed=True)), reason=unavailable((QUOTA, MEMORY), sandboxed=True)
)


@pytest.fixture
def version_1(tmp_path: Path) -> Found:
    for controller, name in (("cpu", "cpu.cfs_quota_us"), ("memory", "memory.limit_in_bytes")):
        (tmp_path / controller).mkdir()
        (tmp_path / controller / name).touch()
    return tuple(
        Hierarchy(mount=tmp_path / one, controllers=names, parent=tmp_path / one)
        for one, names in (("cpu", "cpu,cpuacct"), ("memory", "memory"))
    )


@pytest.fixture
def version_2(tmp_path: Path) -> Found:
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    return (Hierarchy(mount=tmp_path, controllers=UNIFIED, parent=tmp_path),)


def test_version_1_gets_a_group_per_controller_with_the_numbers(version_1):
    with limits((QUOTA, MEMORY, SLOW), "run", version_1) as limited:
        assert set(limited.groups) == {"cpu-quota", "memory-limit"}
        assert (limited.groups["cpu-quota"] / "cpu.cfs_quota_us").read_text() == "40000"
        assert (limited.groups["memory-limit"] / "memory.limit_in_bytes").read_text() == str(64 * 2**20)


def test_version_2_gets_one_group(version_2):
    group = version_2[0].parent / f"{PREFIX}run"
    group.mkdir()
    for name in ("cpu.max", "memory.max"):
        (group / name).touch()
    with limits((QUOTA, MEMORY), "run", version_2) as limited:
        assert set(limited.groups.values()) == {group}
        assert (group / "cpu.max").read_text() == "40000 100000"
        assert (group / "memory.max").read_text() == str(64 * 2**20)


def test_without_a_limit_nothing_is_made_and_the_command_is_left_as_it_is(version_1):
    with limits((SLOW,), "run", version_1) as limited:
        assert (limited.enter, limited.env, limited.groups) == ((), {}, {})
        assert [path.name for one in version_1 for path in one.parent.iterdir()] == [
            "cpu.cfs_quota_us",
            "memory.limit_in_bytes",
        ]


@pytest.mark.parametrize("fault", [QUOTA, MEMORY])
def test_a_machine_without_the_controller_is_told_so_before_the_run(fault):
    assert f"fault {fault.id} needs the" in unavailable((SLOW, fault), sandboxed=True, found=())
    with pytest.raises(FaultUnavailableError, match="needs the"), limits((fault,), "run", ()):
        pass


def test_inside_somebody_elses_sandbox_no_limit_is_to_be_had_but_delays_are(version_1):
    assert "inside somebody else's" in unavailable((QUOTA,), sandboxed=False, found=version_1)
    assert unavailable((SLOW,), sandboxed=False, found=version_1) == ""


@real_cgroups
def test_a_real_process_runs_inside_the_limit_is_held_back_and_the_group_is_gone_afterwards():
    with limits((QUOTA, MEMORY), f"test-{os.getpid()}") as limited:
        script = "cat /proc/self/cgroup; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
        command = [*limited.enter, "sh", "-c", script]
        groups = subprocess.run(
            command, env={**os.environ, **limited.env}, check=True, capture_output=True, text=True
        ).stdout
        made = list(limited.groups.values())
        assert groups.count(f"/{PREFIX}test-{os.getpid()}") >= 1
        assert "periods" in limited.felt(QUOTA)
        assert not limited.out_of_memory()
    assert [group for group in made if group.exists()] == []


@real_cgroups
def test_who_takes_more_memory_than_the_limit_is_killed_and_that_is_known():
    with limits((MEMORY,), f"test-{os.getpid()}") as limited:
        hungry = [*limited.enter, "python3", "-c", "held = b'x' * 256 * 2**20"]
        done = subprocess.run(hungry, env={**os.environ, **limited.env}, check=False, capture_output=True)
        assert done.returncode == -9
        assert limited.out_of_memory()
        assert "1 process killed" in limited.felt(MEMORY)


@real_cgroups
def test_what_a_killed_run_left_behind_is_removed_by_the_next():
    parents = [one.parent for one in on_this_machine() if {"cpu", UNIFIED} & set(one.controllers.split(","))]
    stale = parents[0] / f"{PREFIX}killed-{os.getpid()}"
    stale.mkdir()
    with limits((QUOTA,), f"test-{os.getpid()}"):
        assert not stale.exists()
