"""Experiment 13 in real gVisor, on the stand-in: its blockers are the sandbox's own answers."""

import json
import sys
from pathlib import Path

import pytest
from command import fatal, in_sandbox, reached, run_standin, traces

pytestmark = pytest.mark.sandbox


def test_experiment_13_comes_out_as_declared_and_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    before = traces()
    code, result = run_standin(tmp_path)
    assert (code, result["differences"]) == (0, [])
    assert fatal(result) == ["flannel-vxlan-unsupported"]
    assert {"node-registered", "kube-proxy-synced", "poststart-hooks-done"} <= set(reached(result))
    assert [claim["id"] for claim in result["assertions"] if claim["verdict"] != "pass"] == []
    assert result["arena"]["root_filesystem"] == "9p"
    assert result["workload"]["kind"] == "standin"
    assert traces() == before
    started_s = result["milestones"][0]["at_s"]
    # Said in the issue, measured here, with room for a machine ten times slower: the point is that nothing waits.
    assert started_s < 30
    run = tmp_path / "exp13" / "latest"
    assert {path.name for path in run.iterdir()} >= {"result.json", "events.jsonl", "workload.log", "interceptor.log"}
    assert "[PTRACE:" in (run / "interceptor.log").read_text()


@pytest.mark.parametrize(
    ("step", "blockers"),
    [
        ("cgroup-v1", ["cgroup-mountpoint-missing"]),
        ("cni-stub", ["host-local-not-found"]),
        ("kmsg", ["dev-kmsg-missing"]),
        ("no-storage-isolation", ["cadvisor-root-stats-missing"]),
        ("sysctl-kubelet", ["kubelet-sysctl-missing", "overcommit-memory-eio"]),
        ("view", ["kubelet-sysctl-missing", "overcommit-memory-eio"]),
        ("sysctl-net", ["route-localnet-missing"]),
        ("iptables-legacy", ["iptables-nft-unsupported"]),
        # These hold nothing back today: the outcome is that of the whole experiment.
        ("rshared", ["flannel-vxlan-unsupported"]),
        ("snapshotter-native", ["flannel-vxlan-unsupported"]),
        ("fail-swap-on", ["flannel-vxlan-unsupported"]),
        ("no-qos-cgroups", ["flannel-vxlan-unsupported"]),
        ("protect-kernel-defaults", ["flannel-vxlan-unsupported"]),
        ("image-gc", ["flannel-vxlan-unsupported"]),
        ("disable-addons", ["flannel-vxlan-unsupported"]),
        ("kubeconfig-mode", ["flannel-vxlan-unsupported"]),
    ],
)
def test_each_step_left_out_brings_its_own_blocker_back(tmp_path: Path, step: str, blockers: list[str]) -> None:
    code, result = run_standin(tmp_path, "--without", step)
    assert fatal(result) == blockers
    assert (code, result["differences"]) == (0, [])


@pytest.mark.parametrize("mechanism", ["mount", "syscall"])
def test_other_mechanisms_overcome_the_same_blockers(tmp_path: Path, mechanism: str) -> None:
    code, result = run_standin(tmp_path, "--mechanism", mechanism)
    assert (code, result["differences"]) == (0, [])
    assert fatal(result) == ["flannel-vxlan-unsupported"]
    resolved = {blocker["id"] for blocker in result["blockers"] if blocker["resolved_by"]}
    assert {"kubelet-sysctl-missing", "route-localnet-missing", "dev-kmsg-missing"} <= resolved
    assert (result["interception"]["stops"] == 0) == (mechanism == "mount")


def test_without_any_mechanism_the_kubelet_meets_the_real_proc_sys(tmp_path: Path) -> None:
    code, result = run_standin(tmp_path, "--mechanism", "none")
    assert fatal(result) == ["kubelet-sysctl-missing", "overcommit-memory-eio"]
    assert code == 0


def test_iptables_finds_its_libraries_in_the_sandbox_without_a_search() -> None:
    done = in_sandbox("LD_DEBUG=libs iptables-legacy -V 2>&1")
    assert "trying file=" in done.stdout, done.stdout + done.stderr
    assert "search path=" not in done.stdout


def test_inside_somebody_elses_gvisor_the_same_experiment_runs_here_and_leaves_it_as_it_was() -> None:
    # iptables' own lock file is no business of ours.
    look = (
        "ls -d /dev/kmsg /opt/cni/bin /var/lib/rancher; ls /run | grep -v xtables; readlink /usr/sbin/iptables; mount"
    )
    run = f"{sys.executable} -m runner run exp13 --workload standin --results /tmp/results --json"
    script = (
        f"{sys.executable} -m runner doctor --json > /tmp/doctor; "
        f"({look}) > /tmp/before 2>&1; {run} > /tmp/out; code=$?; ({look}) > /tmp/after 2>&1;"
        " cat /tmp/doctor; echo; cat /tmp/out; diff /tmp/before /tmp/after >&2 && exit $code"
    )
    done = in_sandbox(script)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    checkup, end = json.JSONDecoder().raw_decode(done.stdout)
    # Of a machine that makes sandboxes nothing is asked here.
    assert [check["id"] for check in checkup if check["state"] == "fail"] == []
    assert {"namespaces", "overlay", "runsc"}.isdisjoint(check["id"] for check in checkup)
    (result,) = json.loads(done.stdout[end:])
    assert result["arena"]["kind"] == "here"
    assert (fatal(result), result["differences"]) == (["flannel-vxlan-unsupported"], [])
