"""Claims about what pods answer, and claims that are expected to fail."""

import attrs
import pytest

from runner.core.judge import Judge
from runner.core.prepare import prepare
from runner.core.verdict import differences, judge_assertion, run_verdict
from runner.model.assertion import PodAnswers
from runner.model.events import AnyEvent, HoldPassed, PodAnswered, StopRun, WitnessSeen, WorkloadStarted
from runner.model.experiment import Experiment
from runner.model.plan import RunPlan
from runner.registry import find

LOGS = PodAnswers(id="logs", claim="logs", pod="hello", pattern="^hello$")
EXEC = PodAnswers(id="exec", claim="exec", pod="hello", command=("id",), pattern="uid=0")
EXPERIMENT: Experiment = attrs.evolve(find("60"), assertions=(LOGS, EXEC))
RUNNING = WitnessSeen(at_s=9.0, milestone="pod-running", witness="kubectl get pods: hello", requests=3)
START: tuple[AnyEvent, ...] = (WorkloadStarted(at_s=1.0, pid=7, command=("k3s", "server")), RUNNING)


def answered(assertion: str, text: str, *, matched: bool, at_s: float = 10.0) -> PodAnswered:
    return PodAnswered(at_s=at_s, assertion=assertion, matched=matched, text=text)


def plan_of(experiment: Experiment) -> RunPlan:
    return prepare(experiment, workload="k3s", arena="gvisor", command=("k3s", "server"))


def folded(experiment: Experiment, *events: AnyEvent) -> tuple[RunPlan, Judge]:
    plan = plan_of(experiment)
    judge = Judge(plan)
    for event in (*START, *events, HoldPassed(at_s=30.0)):
        judge.see(event)
    return plan, judge


def how(experiment: Experiment, *events: AnyEvent) -> tuple[str, tuple[str, ...]]:
    plan, judge = folded(experiment, *events)
    results = tuple(judge_assertion(plan, judge.ledger, claim) for claim in experiment.assertions)
    verdict = run_verdict(plan, judge.ledger, results)
    return verdict, differences(plan, judge.ledger, verdict, results)


@pytest.mark.parametrize(
    ("events", "verdict", "evidence"),
    [
        ((), "inconclusive", "never asked"),
        ((answered("logs", "other", matched=False),), "fail", "last answer: other"),
        (
            (answered("logs", "", matched=False), answered("logs", "hello", matched=True)),
            "pass",
            "kubectl logs hello: hello",
        ),
        ((answered("logs", "hello", matched=True), answered("logs", "late", matched=False)), "pass", ": hello"),
    ],
)
def test_an_answer_counts_once_it_matched_and_none_at_all_is_never_a_pass(
    events: tuple[AnyEvent, ...], verdict: str, evidence: str
) -> None:
    plan, judge = folded(EXPERIMENT, *events)
    result = judge_assertion(plan, judge.ledger, LOGS)
    assert result.verdict == verdict
    assert evidence in result.evidence


def test_a_claim_that_is_expected_to_fail_must_fail_and_the_others_must_hold() -> None:
    expected = attrs.evolve(EXPERIMENT.expected[0], verdict="fail", fails=("exec",))
    experiment = attrs.evolve(EXPERIMENT, expected=(expected,))
    good, bad = answered("logs", "hello", matched=True), answered("exec", "refused", matched=False)
    assert how(experiment, good, bad) == ("fail", ())
    _, found = how(experiment, good, answered("exec", "uid=0", matched=True))
    assert "assertion exec: pass" in found
    _, found = how(experiment, answered("logs", "x", matched=False), bad)
    assert found == ("assertion logs: fail",)


def test_a_claim_that_does_not_exist_cannot_be_expected_to_fail() -> None:
    expected = attrs.evolve(EXPERIMENT.expected[0], fails=("exce",))
    with pytest.raises(ValueError, match=r"expects \['exce'\] to fail, which are no assertions of it"):
        attrs.evolve(EXPERIMENT, expected=(expected,))


def test_the_run_ends_when_every_pod_has_answered_and_not_before() -> None:
    judge = Judge(plan_of(EXPERIMENT))
    for event in (*START, answered("logs", "hello", matched=True), answered("exec", "refused", matched=False)):
        assert not [command for command in judge.see(event) if isinstance(command, StopRun)]
    (stop,) = judge.see(answered("exec", "uid=0", matched=True))
    assert isinstance(stop, StopRun)
    assert stop.reason == "target-reached"
