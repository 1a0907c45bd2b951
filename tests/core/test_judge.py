"""The judge, driven by event scripts and by logs of real runs."""

import attrs
import pytest
from script import all_steps_at_work, as_events, fold, log_lines, plan_of

from runner.model.events import (
    DeadlinePassed,
    HarnessFailed,
    HoldPassed,
    Interrupted,
    LineSeen,
    StartHold,
    StepDone,
    StopRun,
    WitnessSeen,
    WorkloadExited,
    WorkloadStarted,
)
from runner.model.step import Supervise

STARTED = WorkloadStarted(at_s=1.0, pid=7, command=("k3s", "server"))


def stops(commands: list[object]) -> list[StopRun]:
    return [command for command in commands if isinstance(command, StopRun)]


@pytest.mark.parametrize(
    ("log", "blocker"),
    [
        ("bare", "cgroup-mountpoint-missing"),
        ("no-cni", "host-local-not-found"),
        ("no-kmsg", "dev-kmsg-missing"),
        ("no-lsci", "cadvisor-root-stats-missing"),
        ("no-intercept", "kubelet-sysctl-missing"),
        ("no-net-sysctl", "route-localnet-missing"),
        ("nft", "iptables-nft-unsupported"),
        ("exp13", "flannel-vxlan-unsupported"),
        ("original-interceptor", "flannel-vxlan-unsupported"),
        ("slow-disk", "poststarthook-priority-classes"),
        ("pod-bridge-network", "cni-bridge-hairpin-unsupported"),
    ],
)
def test_each_recorded_failure_stops_the_run_at_its_own_blocker(log: str, blocker: str) -> None:
    judge, commands = fold(plan_of(), as_events(log_lines(log)))
    assert blocker in judge.ledger.fatal_blockers
    assert [stop.reason for stop in stops(commands)] == ["fatal-blocker"]
    assert judge.ledger.ended is not None
    assert judge.ledger.ended.detail.startswith(blocker)


@pytest.mark.parametrize("log", ["flannel-none", "mount-only", "pod-running"])
def test_a_recorded_run_that_stayed_up_is_not_stopped_by_any_line(log: str) -> None:
    judge, commands = fold(plan_of(), as_events(log_lines(log)))
    assert stops(commands) == []
    assert judge.ledger.fatal_blockers == ()
    assert judge.ledger.furthest() in {"kube-proxy-synced", "node-ready", "pod-running"}


def test_reaching_the_target_starts_the_hold_and_passing_it_ends_the_run() -> None:
    ready = WitnessSeen(at_s=8.0, milestone="node-ready", witness="GET /api/v1/nodes: runsc is Ready", requests=3)
    judge, commands = fold(plan_of(), [STARTED, ready])
    assert commands == [StartHold(for_s=30)]
    (stop,) = judge.see(HoldPassed(at_s=38.0))
    assert stop == StopRun(reason="target-reached", detail="node-ready reached and held")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (WorkloadExited(at_s=2.0, code=3, signal=None), "exited"),
        (WorkloadExited(at_s=2.0, code=None, signal=9), "exited"),
        (DeadlinePassed(at_s=91.0), "deadline"),
        (Interrupted(at_s=2.0, by="SIGINT"), "interrupted"),
        (HarnessFailed(at_s=2.0, what="tracer gone"), "harness-error"),
        (StepDone(at_s=0.5, id="kmsg", kind="bind-mount", outcome="failed", reason="EPERM"), "harness-error"),
    ],
)
def test_every_other_end_has_its_reason(event: object, reason: str) -> None:
    _, commands = fold(plan_of(), [STARTED, event])  # type: ignore[list-item]
    assert [stop.reason for stop in stops(commands)] == [reason]


def test_what_dies_after_the_stop_is_counted_but_is_no_finding() -> None:
    flannel = (
        'time="2026-11-23T14:15:47Z" level=error msg="Shutdown request received: flannel exited: failed to register'
        ' flannel network: failed to create vxlan device: operation not supported"'
    )
    later = 'time="2026-11-23T14:15:48Z" level=fatal msg="Error: cgroups: cgroup mountpoint does not exist"'
    judge, commands = fold(plan_of(), as_events([flannel, later, flannel]))
    assert list(judge.ledger.blockers) == ["flannel-vxlan-unsupported"]
    assert judge.ledger.blockers["flannel-vxlan-unsupported"].count == 2
    assert len(stops(commands)) == 1


def test_all_blockers_of_one_line_are_recorded_although_the_first_ends_the_run() -> None:
    line = (
        'E1123 14:15:34.840566      31 kubelet.go:1703] "Failed to start ContainerManager" err="[write'
        " /proc/sys/vm/overcommit_memory: input/output error, open /proc/sys/vm/panic_on_oom: no such file or"
        ' directory]"'
    )
    judge, _ = fold(plan_of(), as_events([line]))
    assert set(judge.ledger.fatal_blockers) == {"kubelet-sysctl-missing", "overcommit-memory-eio"}


def test_lines_of_the_launcher_itself_are_never_taken_for_the_workloads() -> None:
    text = 'time="2026-11-23T14:15:48Z" level=fatal msg="Error: cgroups: cgroup mountpoint does not exist"'
    judge, commands = fold(plan_of(), [STARTED, LineSeen(at_s=2, source="launcher", line_no=1, text=text)])
    assert not judge.ledger.blockers
    assert not stops(commands)


def test_an_undo_does_not_hide_that_the_step_was_applied() -> None:
    plan = plan_of()
    undone = StepDone(at_s=9.0, id="kmsg", kind="bind-mount", outcome="undone", reason="")
    judge, _ = fold(plan, [*all_steps_at_work(plan), undone])
    assert judge.ledger.steps["kmsg"].outcome == "applied"


def test_a_failed_undo_is_a_harness_error_even_after_the_run_ended() -> None:
    undo = StepDone(at_s=9.0, id="kmsg", kind="bind-mount", outcome="undo-failed", reason="EBUSY")
    judge, _ = fold(plan_of(), [STARTED, WorkloadExited(at_s=5.0, code=0, signal=None), undo])
    assert judge.ledger.harness_errors == ["step kmsg could not be undone: EBUSY"]


def test_a_fatal_blocker_that_a_supervisor_survives_is_seen_and_does_not_end_the_run() -> None:
    survived = Supervise(id="again", reason="r", restarts=1, survives=("poststarthook-priority-classes",))
    plan = attrs.evolve(plan_of(), steps=(*plan_of().steps, survived))
    judge, commands = fold(plan, as_events(log_lines("slow-disk")))
    assert not any(isinstance(command, StopRun) for command in commands)
    assert "poststarthook-priority-classes" in judge.ledger.fatal_blockers
