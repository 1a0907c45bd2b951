"""The evidence rule, and the verdict of a whole run."""

import attrs
import pytest
from script import all_steps_at_work, as_events, fold, log_lines, plan_of

from runner.core.verdict import differences, judge_assertion, run_verdict
from runner.model.assertion import Absent, Alive, AnyAssertion, Metric, Present, Reached, Redirected
from runner.model.events import (
    AnyEvent,
    DeadlinePassed,
    InterceptionCounted,
    Interrupted,
    LineSeen,
    PathRedirected,
    WitnessSeen,
    WorkloadExited,
    WorkloadStarted,
)
from runner.model.plan import RunPlan

STARTED = WorkloadStarted(at_s=1.0, pid=7, command=("k3s", "server"))
SYSCTL = Absent(id="sysctl", claim="gone", blockers=("kubelet-sysctl-missing",), by=("sysctl-kubelet",))
REGISTERED = WitnessSeen(at_s=7.0, milestone="node-registered", witness="GET /api/v1/nodes: runsc", requests=2)
HIT = PathRedirected(
    at_s=5.0, pid=9, path="/proc/sys/vm/panic_on_oom", target="/layer/proc/sys/vm/panic_on_oom", syscall="openat"
)


def judged(assertion: AnyAssertion, *events: AnyEvent, plan: RunPlan | None = None) -> tuple[str, str]:
    plan = plan or plan_of()
    judge, _ = fold(plan, list(events))
    result = judge_assertion(plan, judge.ledger, assertion)
    return result.verdict, result.evidence


def test_absent_passes_only_with_absence_a_milestone_beyond_and_a_hit() -> None:
    verdict, evidence = judged(SYSCTL, STARTED, HIT, REGISTERED)
    assert verdict == "pass"
    assert "node-registered reached" in evidence
    assert "1 access of sysctl-kubelet redirected" in evidence


def test_absent_without_a_milestone_beyond_is_inconclusive() -> None:
    assert judged(SYSCTL, STARTED, HIT)[0] == "inconclusive"


def test_absent_without_any_hit_is_inconclusive() -> None:
    assert judged(SYSCTL, STARTED, REGISTERED)[0] == "inconclusive"


def test_a_hit_of_another_part_of_the_view_does_not_count() -> None:
    other = attrs.evolve(HIT, path="/proc/sys/net/ipv4/conf/all/route_localnet")
    assert judged(SYSCTL, STARTED, other, REGISTERED)[0] == "inconclusive"


def test_absent_fails_when_the_blocker_was_seen_and_names_the_line() -> None:
    verdict, evidence = judged(SYSCTL, *as_events(log_lines("no-intercept")))
    assert verdict == "fail"
    assert "workload.log:" in evidence


def test_a_milestone_on_another_branch_of_the_ladder_proves_nothing() -> None:
    kube_proxy = Absent(id="ipt", claim="gone", blockers=("iptables-nft-unsupported",), by=("iptables-legacy",))
    plan = plan_of()
    ready = attrs.evolve(REGISTERED, milestone="node-ready")
    assert judged(kube_proxy, *all_steps_at_work(plan), STARTED, ready, plan=plan)[0] == "inconclusive"


def test_a_flag_counts_as_hit_only_when_the_component_was_started_with_it() -> None:
    flag = Absent(id="c", claim="gone", blockers=("cadvisor-root-stats-missing",), by=("no-storage-isolation",))
    echo = LineSeen(
        at_s=3.0,
        source="workload",
        line_no=4,
        text='time="t" level=info msg="Running kubelet --local-storage-capacity-isolation=false --x"',
    )
    assert judged(flag, STARTED, REGISTERED)[0] == "inconclusive"
    assert judged(flag, STARTED, echo, REGISTERED)[0] == "pass"


def test_redirects_are_counted_exactly_where_the_interceptor_reported_totals() -> None:
    claim = Redirected(id="r", claim="works", prefix="/proc/sys/net/ipv4", at_least=5)
    counted = InterceptionCounted(
        at_s=9.0, stops={"seccomp": 9}, redirects_by_path={"/proc/sys/net/ipv4/x": 7}, tracer_cpu_s=0.1
    )
    assert judged(claim, STARTED, counted)[0] == "pass"
    assert judged(claim, STARTED, HIT)[0] == "fail"


def test_counting_redirects_under_mounts_is_skipped_not_failed() -> None:
    claim = Redirected(id="r", claim="works", prefix="/proc/sys/net/ipv4")
    assert judged(claim, STARTED, plan=attrs.evolve(plan_of(), mechanism="mount"))[0] == "skipped"


def test_reached_counts_from_the_workloads_start() -> None:
    assert judged(Reached(id="r", claim="c", milestone="node-registered", within_s=6), STARTED, REGISTERED)[0] == "pass"
    assert judged(Reached(id="r", claim="c", milestone="node-registered", within_s=5), STARTED, REGISTERED)[0] == "fail"
    assert judged(Reached(id="r", claim="c", milestone="node-registered"), STARTED)[0] == "fail"


def test_present_is_inconclusive_while_there_was_no_line_to_look_at() -> None:
    claim = Present(id="kine", claim="kine runs", pattern="Kine available")
    plan = attrs.evolve(plan_of(), experiment=attrs.evolve(plan_of().experiment, assertions=(claim,)))
    line = LineSeen(at_s=2.0, source="workload", line_no=1, text="something else")
    found = LineSeen(at_s=2.0, source="workload", line_no=2, text="Kine available at unix://kine.sock")
    assert judged(claim, STARTED, plan=plan)[0] == "inconclusive"
    assert judged(claim, STARTED, line, plan=plan)[0] == "fail"
    assert judged(claim, STARTED, line, found, plan=plan) == (
        "pass",
        "workload.log:2: Kine available at unix://kine.sock",
    )


def test_alive_tells_too_short_a_watch_from_a_death() -> None:
    claim = Alive(id="a", claim="stays", for_s=10)
    assert judged(claim, STARTED, attrs.evolve(REGISTERED, at_s=12.0))[0] == "pass"
    assert judged(claim, STARTED, WorkloadExited(at_s=4.0, code=1, signal=None))[0] == "fail"
    assert judged(claim, STARTED, Interrupted(at_s=4.0, by="SIGINT"))[0] == "inconclusive"
    assert judged(claim)[0] == "inconclusive"


@pytest.mark.parametrize(
    ("bounds", "verdict"), [({"at_least": 2}, "pass"), ({"at_least": 3}, "fail"), ({"at_most": 1}, "fail")]
)
def test_metric_is_held_to_both_bounds(bounds: dict[str, float], verdict: str) -> None:
    assert judged(Metric(id="m", claim="c", metric="api_requests", **bounds), STARTED, REGISTERED)[0] == verdict


def verdict_of(plan: RunPlan, events: list[AnyEvent]) -> tuple[str, tuple[str, ...]]:
    judge, _ = fold(plan, events)
    assertions = tuple(judge_assertion(plan, judge.ledger, one) for one in plan.experiment.assertions)
    verdict = run_verdict(plan, judge.ledger, assertions)
    return verdict, differences(plan, judge.ledger, verdict, assertions)


def test_the_recorded_experiment_13_is_exactly_as_its_declaration_expects() -> None:
    plan = plan_of()
    events = [
        *all_steps_at_work(plan),
        attrs.evolve(REGISTERED, milestone=None),
        *as_events(log_lines("exp13")),
    ]
    assert verdict_of(plan, events) == ("fail", ())


@pytest.mark.parametrize(
    ("log", "without"),
    [
        ("bare", "cgroup-v1"),
        ("no-cni", "cni-stub"),
        ("no-kmsg", "kmsg"),
        ("no-lsci", "no-storage-isolation"),
        ("no-intercept", "sysctl-kubelet"),
        ("no-net-sysctl", "sysctl-net"),
        ("nft", "iptables-legacy"),
    ],
)
def test_each_step_left_out_gives_the_recorded_blocker_and_that_is_as_expected(log: str, without: str) -> None:
    assert verdict_of(plan_of(without), as_events(log_lines(log))) == ("fail", ())


def test_a_blocker_that_should_be_overcome_is_a_difference() -> None:
    _, found = verdict_of(plan_of(), as_events(log_lines("nft")))
    assert "new blocker iptables-nft-unsupported" in found
    assert "expected blocker flannel-vxlan-unsupported did not appear" in found


def test_a_run_that_never_started_is_inconclusive_and_never_as_expected() -> None:
    verdict, found = verdict_of(plan_of(), [Interrupted(at_s=0.5, by="SIGINT")])
    assert verdict == "inconclusive"
    assert found


def test_a_run_without_any_recorded_end_is_an_error() -> None:
    assert verdict_of(plan_of(), [STARTED])[0] == "error"


def test_the_deadline_is_a_failure_of_the_target() -> None:
    verdict, found = verdict_of(plan_of(), [STARTED, DeadlinePassed(at_s=91.0)])
    assert verdict == "fail"
    assert "ended by deadline, expected fatal-blocker" in found
