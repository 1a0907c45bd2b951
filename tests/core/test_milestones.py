"""Milestones out of lines."""

import gzip
from pathlib import Path

import pytest

from runner.core.lines import parse_line
from runner.core.milestones import BEYOND, LADDER, MILESTONES, MilestoneFold
from runner.core.replay_clock import ReplayClock
from runner.model.kinds import Milestone

KLOG = "I1123 14:18:31.045917      42"
LOGS = Path(__file__).parent.parent / "logs"

STARTED: tuple[Milestone, ...] = ("workload-started", "datastore-ready")
SERVING: tuple[Milestone, ...] = (*STARTED, "apiserver-serving")
HOOKS: tuple[Milestone, ...] = (*SERVING, "poststart-hooks-done")
REGISTERED: tuple[Milestone, ...] = (*HOOKS, "node-registered")
SYNCED: tuple[Milestone, ...] = (*REGISTERED, "kube-proxy-synced")


def read(name: str) -> list[str]:
    return gzip.decompress((LOGS / f"{name}.log.gz").read_bytes()).decode().splitlines()


def seen_in(lines: list[str]) -> list[Milestone]:
    fold = MilestoneFold()
    return [milestone for line in lines if (milestone := fold.see(parse_line(line))) is not None]


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("bare", STARTED),
        ("no-cni", STARTED),
        ("slow-disk", SERVING),
        ("no-kmsg", HOOKS),
        ("no-lsci", HOOKS),
        ("no-intercept", HOOKS),
        ("no-net-sysctl", REGISTERED),
        ("nft", REGISTERED),
        ("flannel-none", SYNCED),
        ("mount-only", SYNCED),
        ("exp13", (*SYNCED, "node-ready")),
        ("original-interceptor", (*SYNCED, "node-ready")),
        ("pod-bridge-network", (*SYNCED, "node-ready")),
        ("pod-running", MILESTONES),
    ],
)
def test_a_recorded_run_got_this_far(name: str, reached: tuple[Milestone, ...]) -> None:
    assert sorted(seen_in(read(name)), key=MILESTONES.index) == list(reached)


def test_every_recorded_log_is_in_the_table_above() -> None:
    table = test_a_recorded_run_got_this_far.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {row[0] for row in table} == {path.name.removesuffix(".log.gz") for path in LOGS.glob("*.log.gz")}


def test_times_of_a_replay_are_those_of_the_run() -> None:
    fold, clock = MilestoneFold(), ReplayClock()
    at_s = {}
    for line in read("pod-running"):
        parsed = parse_line(line)
        now = clock.at(parsed)
        if (milestone := fold.see(parsed)) is not None:
            at_s[milestone] = now
    assert list(at_s) == [
        "workload-started",
        "datastore-ready",
        "apiserver-serving",
        "poststart-hooks-done",
        "node-registered",
        "node-ready",
        "kube-proxy-synced",
        "pod-running",
    ]
    assert at_s["apiserver-serving"] == pytest.approx(2.779, abs=0.001)
    assert at_s["pod-running"] == pytest.approx(20.246, abs=0.001)


@pytest.mark.parametrize(
    ("line", "milestone"),
    [
        ('time="2026-11-23T14:15:07Z" level=info msg="Starting k3s v1.34.1+k3s1 (HEAD)"', "workload-started"),
        ('time="2026-11-23T14:15:07Z" level=info msg="Starting k3s agent v1.34.1+k3s1 (HEAD)"', "workload-started"),
        (f"{KLOG} server.go:158] Version: v1.34.4", "workload-started"),
        ('time="2026-11-23T14:15:07Z" level=info msg="Kine available at unix:///run/kine.sock"', "datastore-ready"),
        (
            '{"level":"info","ts":"2026-11-23T14:15:07.1Z","msg":"ready to serve client requests"}',
            "datastore-ready",
        ),
        (
            f"{KLOG} secure_serving.go:211] Serving securely on 127.0.0.1:6444",
            "apiserver-serving",
        ),
        (f"{KLOG} secure_serving.go:211] Serving securely on [::]:6443", "apiserver-serving"),
        (f"{KLOG} secure_serving.go:211] Serving securely on [::]:102577", "apiserver-serving"),
        (
            f"{KLOG} storage_scheduling.go:111] all system priority classes are created successfully or already exist.",
            "poststart-hooks-done",
        ),
        (
            f'{KLOG} kubelet_node_status.go:78] "Successfully registered node" node="vm"',
            "node-registered",
        ),
        (
            f'{KLOG} kubelet_node_status.go:124] "Node was previously registered" node="vm"',
            "node-registered",
        ),
        (
            f'{KLOG} kubelet_node_status.go:439] "Fast updating node status as it just became ready"',
            "node-ready",
        ),
        (
            f'{KLOG} pod_startup_latency_tracker.go:104] "Observed pod startup duration" pod="default/hello"',
            "pod-running",
        ),
    ],
)
def test_one_line_shows_a_milestone_from_k3s_and_from_upstream_components(line: str, milestone: Milestone) -> None:
    assert MilestoneFold().see(line) == milestone
    assert MilestoneFold().see(parse_line(line)) == milestone


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"{KLOG} secure_serving.go:211] Serving securely on 127.0.0.1:10257",
        f"{KLOG} secure_serving.go:211] Serving securely on 127.0.0.1:10258",
        f"{KLOG} secure_serving.go:211] Serving securely on 127.0.0.1:10259",
        f"{KLOG} secure_serving.go:211] Serving securely on [::]:10250",
        f'{KLOG} kubelet_node_status.go:75] "Attempting to register node" node="vm"',
        "KC 14:18:31 vm    Ready   <none>   0s    v1.34.1+k3s1",
        "KC hello   1/1   Running   0     7s    192.168.10.2   vm    <none>   <none>",
        f"{KLOG} default_servicecidr_controller.go:228] Setting default ServiceCIDR condition Ready to True",
        f'{KLOG} shared_informer.go:349] "Waiting for caches to sync" controller="service config"',
        f'{KLOG} shared_informer.go:356] "Caches are synced" controller="node config"',
        f'{KLOG} shared_informer.go:356] "Caches are synced" controller="serviceCIDR config"',
        'time="2026-11-23T14:15:41Z" level=info msg="Starting k3s.cattle.io/v1, Kind=Addon controller"',
        '[PTRACE:7] /x/Kine -> /tmp/Kine available at "Successfully registered node"',
    ],
)
def test_what_only_looks_like_a_milestone_shows_none(line: str) -> None:
    assert MilestoneFold().see(line) is None


NODE_CRITICAL = f"{KLOG} storage_scheduling.go:95] created PriorityClass system-node-critical with value 2000001000"
CLUSTER_CRITICAL = (
    f"{KLOG} storage_scheduling.go:95] created PriorityClass system-cluster-critical with value 2000000000"
)
SERVICES = f'{KLOG} shared_informer.go:356] "Caches are synced" controller="service config"'
ENDPOINTS = f'{KLOG} shared_informer.go:356] "Caches are synced" controller="endpoint slice config"'
OLD_SERVICES = f"{KLOG} shared_informer.go:318] Caches are synced for service config"
OLD_ENDPOINTS = f"{KLOG} shared_informer.go:318] Caches are synced for endpoint slice config"


@pytest.mark.parametrize(
    ("first", "second", "milestone"),
    [
        (NODE_CRITICAL, CLUSTER_CRITICAL, "poststart-hooks-done"),
        (SERVICES, ENDPOINTS, "kube-proxy-synced"),
        (OLD_SERVICES, OLD_ENDPOINTS, "kube-proxy-synced"),
    ],
)
def test_a_milestone_of_two_lines_takes_both_in_either_order(first: str, second: str, milestone: Milestone) -> None:
    for lines in ([first, second], [second, first]):
        fold = MilestoneFold()
        assert [fold.see(line) for line in lines] == [None, milestone]
    assert seen_in([first, first]) == []


def test_a_milestone_is_reported_once() -> None:
    assert seen_in([SERVICES, ENDPOINTS, SERVICES, ENDPOINTS]) == ["kube-proxy-synced"]


def test_the_ladder_has_every_milestone_in_order() -> None:
    assert tuple(rung.id for rung in LADDER) == MILESTONES
    assert [rung.rank for rung in LADDER] == list(range(len(MILESTONES)))
    for rung in LADDER:
        assert all(MILESTONES.index(lower) < rung.rank for lower in rung.needs), rung.id


def test_a_ready_node_proves_nothing_about_kube_proxy_or_the_hooks() -> None:
    assert BEYOND["kube-proxy-synced"] == {"kube-proxy-synced"}
    assert "node-ready" not in BEYOND["poststart-hooks-done"]
    assert {"node-ready", "pod-running"} <= BEYOND["node-registered"]
    assert BEYOND["workload-started"] == set(MILESTONES)


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".log.gz") for path in LOGS.glob("*.log.gz")))
def test_in_no_recorded_run_is_a_milestone_reached_without_what_it_needs(name: str) -> None:
    reached = seen_in(read(name))
    for lower, proofs in BEYOND.items():
        assert lower in reached or not proofs & set(reached), lower
