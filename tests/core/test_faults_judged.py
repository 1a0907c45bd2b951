"""What faults do to a judgement: set off once by their line, seen at work or not, counted in the result."""

import attrs
import pytest
from script import as_events, fold, log_lines, plan_of

from runner.core.outcome import RunIdentity, outcome
from runner.core.verdict import judge_assertion
from runner.model.assertion import Metric
from runner.model.events import Disturb, InterceptionCounted, LineSeen, StepDone, WitnessSeen, WorkloadStarted
from runner.model.experiment import Expected
from runner.model.fault import Kill, MemoryLimit, Pause, SlowDisk
from runner.model.plan import RunPlan
from runner.model.result import ArenaInfo, WorkloadInfo

PAUSE = Pause(id="pause", reason="r", at=r"\] Serving securely", for_s=5)
KILL = Kill(id="kill", reason="r", at="Serving", component="containerd")
SLOW = SlowDisk(id="slow", reason="r", calls=("pread64",), delay_s=0.1)
LIMIT = MemoryLimit(id="memory", reason="r", mib=100)


def bearing(*faults) -> RunPlan:
    plan = plan_of()
    goal = attrs.evolve(plan.goal, target="node-registered", hold_s=0.0)
    # Nothing but the target is asked for: what faults add to the verdict is the point.
    experiment = attrs.evolve(plan.experiment, assertions=())
    return attrs.evolve(plan, experiment=experiment, faults=faults, goal=goal)


def line(at_s, number, text):
    return LineSeen(at_s=at_s, source="kube-apiserver", line_no=number, text=text)


def result_of(plan, events):
    judge, _ = fold(plan, events)
    identity = RunIdentity(
        run_id="r",
        started_at="2026-11-25T00:00:00Z",
        workload=WorkloadInfo(kind="k3s", version="v", sha256="", command=()),
        arena=ArenaInfo(kind="gvisor"),
        environment={},
    )
    return outcome(plan, judge, identity, finished_at="2026-11-25T00:01:00Z", duration_s=60.0)


STARTED = WorkloadStarted(at_s=1.0, pid=7, command=("k3s",))
REGISTERED = WitnessSeen(at_s=9.0, milestone="node-registered", witness="GET /api/v1/nodes: runsc", requests=1)


def test_a_line_sets_a_fault_off_once_and_each_fault_by_itself():
    serving = "I1123 14:17:53.1 7 secure_serving.go:211] Serving securely on 127.0.0.1:6444"
    _, commands = fold(bearing(PAUSE, KILL), [STARTED, line(2, 1, "other"), line(3, 2, serving), line(4, 3, serving)])
    assert commands == [Disturb(fault=PAUSE), Disturb(fault=KILL)]


def test_nothing_is_disturbed_once_the_run_has_ended():
    _, commands = fold(bearing(KILL), [STARTED, REGISTERED, line(10, 1, "Serving")])
    assert not any(isinstance(command, Disturb) for command in commands)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (SLOW, "no call was held back"),
        (PAUSE, "no line matched"),
        (KILL, "no line matched"),
        (LIMIT, "the limit was never met"),
    ],
)
def test_reaching_the_target_under_a_fault_that_was_not_felt_is_inconclusive(fault, why):
    result = result_of(bearing(fault), [STARTED, REGISTERED])
    assert result.verdict == "inconclusive"
    assert any(f"fault {fault.id} was not felt: {why}" in text for text in result.differences)
    (step,) = (step for step in result.steps if step.id == fault.id)
    assert (step.outcome, step.hits) == ("skipped", 0)


def test_a_fault_that_nobody_feels_is_as_expected_where_that_is_declared():
    declared = Expected(verdict="inconclusive", ended_by="target-reached", reaches="node-registered")
    result = result_of(attrs.evolve(bearing(SLOW), expected=declared), [STARTED, REGISTERED])
    assert (result.verdict, result.differences) == ("inconclusive", ())


def test_delays_that_were_felt_count_and_are_measured():
    counted = InterceptionCounted(
        at_s=8.0, stops={"seccomp": 9}, redirects_by_path={}, tracer_cpu_s=0.1, delayed=7, delayed_s=0.7
    )
    result = result_of(bearing(SLOW), [STARTED, counted, REGISTERED])
    assert result.verdict == "pass"
    (step,) = (step for step in result.steps if step.id == "slow")
    assert (step.kind, step.hits, step.verified) == ("slow-disk", 7, "7 calls held back, 0.7 s in all")
    assert result.metrics == {"delayed_calls": 7, "delayed_s": 0.7}


def test_a_kill_that_hit_somebody_counts_and_one_that_hit_nobody_is_a_broken_run():
    hit = StepDone(at_s=5, id="kill", kind="kill", outcome="applied", reason="r", verified="killed containerd (12)")
    assert result_of(bearing(KILL), [STARTED, hit, REGISTERED]).verdict == "pass"
    nobody = StepDone(at_s=5, id="kill", kind="kill", outcome="failed", reason="no process is called so")
    result = result_of(bearing(KILL), [STARTED, nobody, REGISTERED])
    assert result.verdict == "error"
    assert result.ended_by.reason == "harness-error"


def test_slow_sql_of_a_real_run_on_a_slow_disk_becomes_metrics():
    result = result_of(plan_of(), as_events(log_lines("slow-disk")))
    assert result.metrics["slow_sql"] == 23
    assert result.metrics["slow_sql_longest_s"] == pytest.approx(31.555, abs=0.001)
    assert result.metrics["hook_failed_s"] > 0


def test_a_claim_about_a_metric_that_was_not_measured_is_open():
    claim = Metric(id="sql", claim="SQL is slow", metric="slow_sql_longest_s", at_least=13)
    judge, _ = fold(plan_of(), as_events(log_lines("slow-disk")))
    judged = judge_assertion(plan_of(), judge.ledger, claim)
    assert (judged.verdict, judged.evidence) == ("pass", "slow_sql_longest_s = 31.55")
    judge, _ = fold(plan_of(), as_events(log_lines("exp13")))
    assert judge_assertion(plan_of(), judge.ledger, claim).verdict == "inconclusive"
