"""Experiment 13 on the real upstream components in real gVisor: the same blockers as on k3s."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, RUNNER, alive, environment, family, fatal, reached, runner, traces

from runner.supply.cache import Cache
from runner.supply.kubernetes import COMPONENTS, VERSION, cache_key, datastore_recipe, kubernetes_recipe

KEPT = [Cache.of_user().entry(cache_key(recipe)) for recipe in (kubernetes_recipe(VERSION), datastore_recipe("kine"))]
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(
        None in KEPT, reason="Kubernetes is not built yet: `runner run exp13 --workload kubernetes` does it, in minutes"
    ),
]
WITHIN_S = 60


def run_kubernetes(results: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Experiment 13 on the components of the pinned version: exit code and result document."""
    done = runner(
        *("run", "exp13", "--workload", "kubernetes", "--results", str(results), "--json", *words),
        KUBERNETES_VERSION="",
        KUBERNETES_DATASTORE="",
    )
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)
    return done.returncode, result


def test_experiment_13_registers_a_node_and_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    before = traces()
    code, result = run_kubernetes(tmp_path)
    assert (code, result["differences"]) == (0, [])
    assert {"poststart-hooks-done", "node-registered", "kube-proxy-synced"} <= set(reached(result))
    assert (result["workload"]["kind"], result["workload"]["version"]) == ("kubernetes", VERSION)
    assert {claim["id"]: claim["verdict"] for claim in result["assertions"] if claim["verdict"] != "pass"} == {
        "cni-plugin": "skipped"
    }
    resolved = {blocker["id"] for blocker in result["blockers"] if blocker["resolved_by"]}
    assert {
        "kubelet-sysctl-missing",
        "dev-kmsg-missing",
        "iptables-nft-unsupported",
        "route-localnet-missing",
    } <= resolved
    # Seven processes of several hundred megabytes together, of which no single one is that large.
    assert float(result["environment"]["workload_peak_rss_mib"]) > 300
    assert float(result["environment"]["workload_cpu_s"]) > 5
    logs = {path.stem for path in (tmp_path / "exp13" / "latest").glob("*.log")}
    assert {*COMPONENTS, "kine", "containerd", "workload"} <= logs
    assert traces() == before


@pytest.mark.parametrize(
    ("step", "blockers"),
    [
        ("cgroup-v1", ["cgroup-mountpoint-missing"]),
        ("kmsg", ["dev-kmsg-missing"]),
        ("no-storage-isolation", ["cadvisor-root-stats-missing"]),
        ("sysctl-kubelet", ["kubelet-sysctl-missing", "overcommit-memory-eio"]),
        ("view", ["kubelet-sysctl-missing", "overcommit-memory-eio"]),
        ("sysctl-net", ["route-localnet-missing"]),
        ("iptables-legacy", ["iptables-nft-unsupported"]),
    ],
)
def test_each_step_left_out_brings_the_same_blocker_back_as_on_k3s(
    tmp_path: Path, step: str, blockers: list[str]
) -> None:
    code, result = run_kubernetes(tmp_path, "--without", step)
    assert fatal(result) == blockers
    assert (code, result["differences"]) == (0, [])


@pytest.mark.parametrize("moment", ["milestone datastore-ready", "milestone node-registered"])
def test_kill_9_of_the_runner_takes_every_component_with_it(tmp_path: Path, moment: str) -> None:
    before = traces()
    process = subprocess.Popen(
        [*RUNNER, "run", "exp13", "--workload", "kubernetes", "--results", str(tmp_path), "--keep"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(KUBERNETES_VERSION="", KUBERNETES_DATASTORE=""),
        cwd=ROOT,
    )
    assert process.stderr is not None
    assert any(moment in line for line in process.stderr)
    members = family(process.pid)
    assert any("runsc" in words for words in members.values())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WITHIN_S)
    end = time.monotonic() + WITHIN_S
    while alive(members):
        assert time.monotonic() < end, f"still alive: {alive(members)}"
        os.sched_yield()
    assert traces() == before
