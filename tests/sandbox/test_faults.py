"""Faults in real gVisor, on the stand-in: each is felt, said in the result, and gone afterwards."""

import json
from pathlib import Path

import pytest
from command import fatal, run_standin, runner, traces

from runner.arena.cgroups import on_this_machine
from runner.arena.limits import PREFIX, unavailable
from runner.model.fault import CpuQuota

pytestmark = pytest.mark.sandbox

QUOTA = (CpuQuota(id="cpu-quota", reason="r", percent=60),)


def groups() -> list[Path]:
    return [group for one in on_this_machine() for group in one.parent.glob(f"{PREFIX}*")]


def the_fault(result, name):
    (step,) = (step for step in result["steps"] if step["id"] == name)
    return step


def test_a_slow_disk_is_felt_by_sqlite_under_a_mechanism_that_traces_nothing_else(tmp_path: Path) -> None:
    code, result = run_standin(tmp_path, "--mechanism", "mount", "--fault", "slow-disk=5ms")
    assert (code, result["differences"]) == (0, [])
    assert fatal(result) == ["flannel-vxlan-unsupported"]
    assert result["arena"]["fault"] == "slow-disk: 5 ms per pread64 pwrite64 below /var/lib"
    assert result["interception"]["mechanism"] == "mount"
    assert result["interception"]["redirects"] == 0
    held = the_fault(result, "slow-disk")["hits"]
    assert held == result["metrics"]["delayed_calls"] > 100
    assert result["metrics"]["delayed_s"] == pytest.approx(held * 0.005)


def test_a_pause_stops_the_workload_at_a_line_and_everything_goes_on_afterwards(tmp_path: Path) -> None:
    before = traces()
    code, result = run_standin(tmp_path, "--fault", "pause=3s")
    assert (code, result["differences"]) == (0, [])
    # The stand-in's program is called python or python3, as the environment has it.
    assert "stopped python" in the_fault(result, "pause")["verified"]
    at_s = {rung["id"]: rung["at_s"] for rung in result["milestones"] if rung["reached"]}
    assert at_s["poststart-hooks-done"] - at_s["apiserver-serving"] > 2.5
    assert traces() == before


@pytest.mark.skipif(bool(unavailable(QUOTA, sandboxed=True)), reason=unavailable(QUOTA, sandboxed=True))
def test_a_quota_lies_around_the_whole_sandbox_and_its_cgroup_is_gone_afterwards(tmp_path: Path) -> None:
    code, result = run_standin(tmp_path, "--fault", "cpu-quota=60%")
    assert (code, result["differences"]) == (0, [])
    assert "held back in" in the_fault(result, "cpu-quota")["verified"]
    assert groups() == []


def test_who_is_to_be_killed_and_is_not_there_makes_a_broken_run(tmp_path: Path) -> None:
    code, result = run_standin(tmp_path, "--fault", "kill-containerd")
    assert code == 2
    assert result["ended_by"]["reason"] == "harness-error"
    assert "no process of the workload is called 'containerd'" in result["ended_by"]["detail"]


# What the stand-in really needs of experiment 13, by how it is written; tests/search simulates these needs, with lies.
HOLDS_BACK = {
    "cgroup-v1": ["cgroup-mountpoint-missing"],
    "kmsg": ["dev-kmsg-missing"],
    "cni-stub": ["host-local-not-found"],
    "iptables-legacy": ["iptables-nft-unsupported"],
    "no-storage-isolation": ["cadvisor-root-stats-missing"],
    "sysctl-kubelet": ["kubelet-sysctl-missing", "overcommit-memory-eio"],
    "sysctl-net": ["route-localnet-missing"],
}


def test_ablation_in_two_arenas_finds_exactly_what_the_stand_in_needs_and_runs_nothing_twice(tmp_path: Path) -> None:
    words = ["ablate", "exp13", "--workload", "standin", "--results", str(tmp_path), "--json"]
    done = runner(*words, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["fatal"] == ["flannel-vxlan-unsupported"]
    needed = {row["taken"][0]: row["holds_back"] for row in found["rows"] if row["standing"] == "needed"}
    assert needed == HOLDS_BACK
    spared = [row for row in found["rows"] if row["standing"] == "no longer needed"]
    assert len(found["rows"]) == len(needed) + len(spared) == 19
    assert found["made"] == 20
    again = runner(*words, "--only", "kmsg", "--jobs", "1")
    assert json.loads(again.stdout)["made"] == 0
    assert [row["taken"] for row in json.loads(again.stdout)["rows"]] == [["kmsg"]]
    assert not list(tmp_path.glob("exp13*")), "runs of derived experiments do not pass for the numbered one's"
