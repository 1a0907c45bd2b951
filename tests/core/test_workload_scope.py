"""What is for some kinds of workload only: steps, claims and targets, as experiment 13 declares them."""

import attrs
import pytest
from script import all_steps_at_work, fold, plan_of

from runner.core.verdict import judge_assertion
from runner.model.events import LineSeen, StartHold, WitnessSeen, WorkloadStarted
from runner.model.experiment import Goal
from runner.registry import find

EXP13 = find("13")


def test_upstream_kubernetes_is_not_given_what_only_k3s_knows() -> None:
    plan = plan_of(workload="kubernetes")
    assert not any(word.startswith(("--disable", "--write-kubeconfig")) for word in plan.argv)
    assert "--kubelet-arg=--fail-swap-on=false" in plan.argv
    assert {skip.id: skip.reason for skip in plan.skipped} == dict.fromkeys(
        ("cni-stub", "disable-addons", "kubeconfig-mode"), "not for workload kubernetes"
    )
    assert plan.path_first == ()


def test_leaving_out_a_step_that_is_not_for_the_workload_promises_no_blocker() -> None:
    assert plan_of("cni-stub", workload="kubernetes").expected == attrs.evolve(
        EXP13.expected_for("kubernetes"), holds=False
    )
    assert plan_of("cni-stub", workload="k3s").expected.blockers == ("host-local-not-found",)


@pytest.mark.parametrize("step", ["cgroup-v1", "kmsg", "no-storage-isolation", "iptables-legacy", "sysctl-net", "view"])
def test_leaving_out_a_step_of_both_promises_the_same_blockers(step: str) -> None:
    assert plan_of(step, workload="kubernetes").expected == plan_of(step, workload="k3s").expected


def test_a_claim_about_k3s_alone_is_skipped_and_says_why() -> None:
    plan = plan_of(workload="kubernetes")
    judge, _ = fold(plan, all_steps_at_work(plan))
    claim = next(claim for claim in EXP13.assertions if claim.id == "cni-plugin")
    judged = judge_assertion(plan, judge.ledger, claim)
    assert (judged.verdict, judged.evidence) == ("skipped", "says nothing about workload kubernetes")


def test_the_target_is_the_workloads_own() -> None:
    started = WorkloadStarted(at_s=1.0, pid=7, command=("x",))
    registered = WitnessSeen(at_s=2.0, milestone="node-registered", witness="GET /api/v1/nodes: runsc", requests=1)
    _, commands = fold(plan_of(workload="kubernetes"), [started, registered])
    assert commands == [StartHold(for_s=20)]
    _, commands = fold(plan_of(workload="k3s"), [started, registered])
    assert commands == []


def test_goals_are_by_workload_and_the_experiments_own_is_for_the_rest() -> None:
    assert EXP13.goal_for("standin") == EXP13.goal_for("k3s")
    assert EXP13.goal_for("k3s").target == EXP13.target
    with pytest.raises(ValueError, match="workloads"):
        Goal(workloads=(), target="node-ready", reason="r")


def test_a_flags_echo_is_taken_from_the_supervisors_own_line() -> None:
    plan = plan_of(workload="kubernetes")
    line = "Running kubelet --read-only-port=0 --fail-swap-on=false"
    judge, _ = fold(plan, [LineSeen(at_s=2.0, source="workload", line_no=5, text=line)])
    assert list(judge.ledger.flag_echoes) == ["fail-swap-on"]
