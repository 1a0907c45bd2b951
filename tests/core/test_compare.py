"""Comparison: what broke, what is fixed, and above all what cannot be told."""

from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_results import any_result, blocked_by, reaching, real

from runner.core.compare import CompareError, Side, compare, why_not_measured
from runner.core.compared import LEGEND, MIRROR, SYMBOLS, Comparison, Mark, Row
from runner.core.gate import gate
from runner.core.milestones import MILESTONES
from runner.model.result import EndedBy, RunResult

if TYPE_CHECKING:
    from runner.model.kinds import Verdict

SIDES = st.lists(any_result(), min_size=1, max_size=4).map(lambda results: Side(label="s", results=tuple(results)))
K3S = real("exp13-k3s")
TO_NODE_READY = MILESTONES[:7]


def side(*results: RunResult, label: str = "run") -> Side:
    return Side(label=label, results=results)


def two(before: RunResult, after: RunResult) -> Comparison:
    return compare([side(before, label="old"), side(after, label="new")])


def row(comparison: Comparison, name: str) -> Row:
    return next(found for found in comparison.rows if found.id == name)


@given(before=SIDES, after=SIDES)
def test_from_the_other_side_everything_is_its_mirror(before: Side, after: Side) -> None:
    there, back = compare([before, after]), compare([after, before])
    assert {(r.kind, r.id): MIRROR[r.marks[1]] for r in there.rows} == {(r.kind, r.id): r.marks[1] for r in back.rows}
    assert {r.id: MIRROR[r.marks[1]] for r in there.times} == {r.id: r.marks[1] for r in back.times}
    assert {r.key: r.values for r in there.environment} == {r.key: r.values[::-1] for r in back.environment}


@given(one=SIDES)
def test_a_run_never_regresses_against_itself(one: Side) -> None:
    comparison = compare([one, one])
    assert not {r.marks[1] for r in comparison.rows} & {"broke", "fixed", "appeared", "vanished", "unknown", "differs"}
    assert not {r.marks[1] for r in comparison.times} & {"slower", "faster"}
    judged = gate(comparison)
    assert judged.verdict != "regression"
    assert not judged.improvements


@given(sides=st.lists(SIDES, min_size=2, max_size=4))
def test_a_column_does_not_depend_on_the_columns_beside_it(sides: list[Side]) -> None:
    everything = compare(sides)
    pair = compare([sides[0], sides[-1]])
    marks = {(r.kind, r.id): r.marks[-1] for r in everything.rows}
    assert {(r.kind, r.id): r.marks[1] for r in pair.rows}.items() <= marks.items()


def test_every_mark_has_a_symbol_and_a_mirror_of_a_mirror_is_the_mark() -> None:
    assert set(SYMBOLS) == set(MIRROR)
    assert all(MIRROR[MIRROR[mark]] == mark for mark in MIRROR)
    assert {word[0] for word in LEGEND.split("  ")} <= set(SYMBOLS.values())


def test_a_milestone_no_longer_reached_is_broken() -> None:
    after = reaching(K3S, *MILESTONES[:4])
    comparison = two(K3S, after)
    assert row(comparison, "node-ready").marks == ("same", "broke")
    assert row(comparison, "furthest").marks == ("same", "broke")
    assert gate(comparison).verdict == "regression"
    assert "milestone node-ready: reached -> not reached" in gate(comparison).regressions


def test_a_rung_that_nobody_waited_for_is_not_lost() -> None:
    after = attrs.evolve(
        reaching(K3S, *MILESTONES[:5]), ended_by=EndedBy(reason="target-reached", detail="x"), blockers=()
    )
    comparison = two(K3S, after)
    assert row(comparison, "node-ready").marks[1] == "unknown"
    assert gate(comparison).verdict == "inconclusive"


def test_a_blocker_in_a_place_that_was_passed_before_is_new() -> None:
    before = blocked_by(reaching(K3S, *TO_NODE_READY))
    after = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing")
    comparison = two(before, after)
    assert row(comparison, "dev-kmsg-missing").marks[1] == "broke"
    assert gate(comparison).new_blockers == ("dev-kmsg-missing",)


def test_slow_sql_is_a_question_since_a_busy_machine_is_enough_for_it() -> None:
    passed = attrs.evolve(K3S, blockers=tuple(b for b in K3S.blockers if b.id != "kine-slow-sql"))
    slow = attrs.evolve(passed, blockers=(*passed.blockers, *blocked_by(K3S, "kine-slow-sql").blockers))
    assert row(two(passed, slow), "kine-slow-sql").marks[1] == "broke"
    for after in ((slow,), (passed, slow)):
        judged = gate(compare([side(passed), side(*after)]))
        assert (judged.verdict, judged.regressions, judged.new_blockers) == ("inconclusive", (), ())
        assert any("kine-slow-sql" in question for question in judged.open_questions)


def test_a_blocker_that_came_to_light_because_the_run_got_further_is_no_regression() -> None:
    before = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing")
    after = blocked_by(reaching(K3S, *TO_NODE_READY), "flannel-vxlan-unsupported")
    comparison = two(before, after)
    assert row(comparison, "flannel-vxlan-unsupported").marks[1] == "appeared"
    assert row(comparison, "dev-kmsg-missing").marks[1] == "fixed"
    judged = gate(comparison)
    assert judged.verdict == "inconclusive"
    assert not judged.regressions
    assert any("flannel-vxlan-unsupported" in line for line in judged.open_questions)


def test_another_fatal_end_at_the_same_height_is_a_regression() -> None:
    before = blocked_by(reaching(K3S, *MILESTONES[:4]), "host-local-not-found")
    after = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing")
    assert "dev-kmsg-missing" in gate(two(before, after)).new_blockers


def test_a_blocker_behind_the_place_where_the_run_died_is_not_called_fixed() -> None:
    before = blocked_by(reaching(K3S, *TO_NODE_READY), "flannel-vxlan-unsupported")
    after = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing")
    assert row(two(before, after), "flannel-vxlan-unsupported").marks[1] == "vanished"


def test_an_overcome_blocker_that_returns_is_a_regression() -> None:
    before = blocked_by(reaching(K3S, *TO_NODE_READY), "dev-kmsg-missing", count=0, resolved_by="kmsg")
    after = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing", count=3)
    found = row(two(before, after), "dev-kmsg-missing")
    assert found.states == ("overcome by kmsg", "seen 3 times")
    assert found.marks[1] == "broke"


def test_repeats_that_disagree_are_flaky_not_broken() -> None:
    short = reaching(K3S, *MILESTONES[:4])
    comparison = compare([side(K3S, K3S, K3S), side(K3S, short, K3S)])
    assert row(comparison, "node-ready").marks[1] == "flaky"
    assert row(comparison, "node-ready").states[1] == "2 of 3 runs"
    assert gate(comparison).verdict == "flaky"
    assert not gate(comparison).regressions


def test_blockers_are_counted_as_new_gone_and_persisting() -> None:
    before = blocked_by(K3S, "flannel-vxlan-unsupported", "kine-slow-sql")
    after = blocked_by(K3S, "kine-slow-sql", "dev-kmsg-missing")
    comparison = two(before, after)
    assert row(comparison, "blockers").states == ("2 seen", "2 seen: 1 new, 1 gone, 1 persisting")
    assert row(comparison, "blockers").marks[1] == "differs"
    changed = [found.id for found in comparison.blockers if found.marks[1] != "same"]
    assert changed == [found.id for found in comparison.blockers][: len(changed)], "what changed stands first"
    gone = two(before, blocked_by(K3S, "flannel-vxlan-unsupported"))
    assert row(gone, "blockers").states[1] == "1 seen: 1 gone, 1 persisting"
    assert row(gone, "blockers").marks[1] == "fixed"


def test_what_an_early_end_hides_is_one_question() -> None:
    names = ("flannel-vxlan-unsupported", "ipset-unavailable")
    judged = gate(two(blocked_by(K3S, *names), blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing")))
    about = [line for line in judged.open_questions if line.startswith("blockers, ")]
    assert len(about) == 1
    assert all(name in about[0] for name in names)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (attrs.evolve(K3S, state="running"), "did not finish"),
        (attrs.evolve(K3S, ended_by=EndedBy(reason="interrupted", detail="SIGINT")), "interrupted"),
        (
            attrs.evolve(K3S, verdict="error", ended_by=EndedBy(reason="harness-error", detail="disk full")),
            "harness-error",
        ),
        (attrs.evolve(K3S, verdict="skipped"), "skipped"),
        (reaching(K3S), "nothing was measured"),
    ],
)
def test_a_run_that_measured_nothing_neither_passes_nor_regresses(broken: RunResult, why: str) -> None:
    assert why in (why_not_measured(broken) or "")
    judged = gate(two(K3S, broken))
    assert judged.verdict == ("harness-error" if broken.verdict == "error" else "nothing-measured")
    assert gate(two(broken, K3S)).verdict == "nothing-measured"
    with_repeat = compare([side(K3S), side(broken, K3S)])
    assert gate(with_repeat).verdict == "inconclusive", "what is left is judged, and said to be incomplete"


def test_an_assertion_that_fails_is_broken_and_one_without_evidence_is_open() -> None:
    marks: dict[Verdict, Mark] = {"fail": "broke", "inconclusive": "unknown", "skipped": "unknown", "pass": "same"}
    for verdict, mark in marks.items():
        claims = (attrs.evolve(K3S.assertions[0], verdict=verdict), *K3S.assertions[1:])
        assert row(two(K3S, attrs.evolve(K3S, assertions=claims)), K3S.assertions[0].id).marks[1] == mark


def test_another_experiment_is_compared_but_cannot_regress() -> None:
    other = attrs.evolve(reaching(K3S, *MILESTONES[:2]), experiment=attrs.evolve(K3S.experiment, number=14))
    comparison = two(K3S, other)
    assert row(comparison, "node-ready").marks[1] == "broke"
    judged = gate(comparison)
    assert judged.verdict == "inconclusive"
    assert not judged.regressions


def test_another_kind_of_workload_is_compared_but_cannot_regress() -> None:
    other = reaching(attrs.evolve(K3S, workload=attrs.evolve(K3S.workload, kind="standin")), *MILESTONES[:2])
    judged = gate(two(K3S, other))
    assert judged.verdict == "inconclusive"
    assert not judged.regressions
    assert any("standin v1.34.1+k3s1 is not k3s" in line for line in judged.open_questions)


def test_who_reached_the_target_earlier_on_the_ladder_did_not_lose_the_rungs_above() -> None:
    early = attrs.evolve(
        reaching(K3S, *MILESTONES[:6]), ended_by=EndedBy(reason="target-reached", detail="x"), blockers=()
    )
    assert row(two(K3S, early), "furthest").marks[1] == "unknown"
    assert row(two(early, K3S), "furthest").marks[1] == "unknown"


def test_one_side_is_no_comparison() -> None:
    with pytest.raises(CompareError, match="two sides"):
        compare([side(K3S)])
