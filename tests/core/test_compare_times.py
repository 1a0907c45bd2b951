"""Times count only with enough runs, over both thresholds, with a rank test behind them, in one environment."""

import attrs
import pytest
from some_results import reaching, real

from runner.core.compare import Side, compare
from runner.core.compare_times import Thresholds
from runner.core.compared import Mark, TimeRow
from runner.core.gate import gate
from runner.core.milestones import MILESTONES
from runner.model.result import RunResult

K3S = real("exp13-k3s")
STEADY = (5.0, 5.1, 5.2)


def runs(*seconds: float) -> Side:
    return Side(label="s", results=tuple(reaching(K3S, *MILESTONES[:7], after_s=after_s) for after_s in seconds))


def last_rung(before: Side, after: Side) -> TimeRow:
    return next(row for row in compare([before, after]).times if row.id == "node-ready")


@pytest.mark.parametrize(
    ("before", "after", "mark"),
    [
        (STEADY, (8.0, 8.1, 8.2), "slower"),
        ((8.0, 8.1, 8.2), STEADY, "faster"),
        (STEADY, (5.3, 5.2, 5.4), "same"),  # under the factor
        ((0.01, 0.02, 0.01), (0.1, 0.1, 0.1), "same"),  # ten times, but 0.5 s
        (STEADY, (8.0, 8.1), "inconclusive"),  # two runs
        (STEADY, (5.1,), "same"),  # one run, but nothing that would need more of them
        ((5.0, 5.1, 9.0), (8.0, 8.1, 8.2), "inconclusive"),  # the ranks overlap
    ],
)
def test_a_difference_needs_size_runs_and_ranks(
    before: tuple[float, ...], after: tuple[float, ...], mark: Mark
) -> None:
    assert last_rung(runs(*before), runs(*after)).marks[1] == mark


def test_thresholds_can_be_chosen() -> None:
    def mark(thresholds: Thresholds) -> Mark:
        comparison = compare([runs(*STEADY), runs(8.0, 8.1, 8.2)], thresholds)
        return next(row for row in comparison.times if row.id == "node-ready").marks[1]

    assert mark(Thresholds()) == "slower"
    assert mark(Thresholds(factor=2)) == "same"
    assert mark(Thresholds(difference_s=100)) == "same"
    with pytest.raises(ValueError, match="factor"):
        Thresholds(factor=0.5)


def test_a_slower_start_fails_the_gate_and_says_by_how_much() -> None:
    judged = gate(compare([runs(*STEADY), runs(10.0, 10.1, 10.3)]))
    assert judged.verdict == "regression"
    assert any("node-ready: 1.98 times" in line for line in judged.regressions)


def test_noise_with_enough_runs_is_said_to_be_inconclusive() -> None:
    judged = gate(compare([runs(5.0, 5.1, 9.0), runs(8.0, 8.1, 8.2)]))
    assert judged.verdict == "inconclusive"
    assert any("more than noise" in line for line in judged.open_questions)


def test_one_run_a_side_raises_no_question_about_times() -> None:
    assert gate(compare([runs(5.0), runs(50.0)])).verdict == "pass"


@pytest.mark.parametrize(
    "other",
    [
        attrs.evolve(K3S, arena=attrs.evolve(K3S.arena, runsc_version="other")),
        attrs.evolve(K3S, arena=attrs.evolve(K3S.arena, fault="slow-disk")),
        attrs.evolve(K3S, workload=attrs.evolve(K3S.workload, version="v1.35.0+k3s1")),
        attrs.evolve(K3S, environment={**K3S.environment, "cpus": "64"}),
    ],
)
def test_times_of_another_environment_are_shown_but_not_compared(other: RunResult) -> None:
    slow = reaching(other, *MILESTONES[:7], after_s=50.0)
    comparison = compare([runs(*STEADY), Side(label="s", results=(slow, slow, slow))])
    assert {row.marks[1] for row in comparison.times if row.gated} == {"not-comparable"}
    assert any(row.times for row in comparison.environment)
    assert gate(comparison).verdict == "pass"


def test_a_page_more_of_memory_is_the_same_machine() -> None:
    other = attrs.evolve(K3S, environment={**K3S.environment, "memory": "24104 MiB", "arena_memory_mib": "24106"})
    assert compare([Side(label="a", results=(K3S,)), Side(label="b", results=(other,))]).comparable == (True, True)


def test_what_the_run_itself_used_is_no_environment() -> None:
    other = attrs.evolve(K3S, environment={**K3S.environment, "workload_cpu_s": "99.0"})
    assert not compare([Side(label="a", results=(K3S,)), Side(label="b", results=(other,))]).environment


def test_flags_and_steps_that_differ_are_named() -> None:
    other = attrs.evolve(
        K3S,
        workload=attrs.evolve(K3S.workload, command=(*K3S.workload.command, "--flannel-backend=none")),
        steps=tuple(attrs.evolve(s, outcome="skipped") if s.id == "kmsg" else s for s in K3S.steps),
    )
    comparison = compare([Side(label="a", results=(K3S,)), Side(label="b", results=(other,))])
    facts = {row.key: row.values for row in comparison.environment}
    assert facts == {
        "flags besides the common": ("none more", "--flannel-backend=none"),
        "steps besides the common": ("kmsg", "none more"),
    }
    assert comparison.comparable[1], "what an experiment varies does not make its times incomparable"
