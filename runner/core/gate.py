"""May this be merged: one answer out of a comparison, with its reasons.

A regression is: a milestone no longer reached, a verdict or an assertion that broke, a blocker that returned or is new, or a
time that the rank test calls slower. Repeats of one side that disagree are flaky, a state of its own; what else cannot be told
is inconclusive. Both are never a regression and never a clean pass; nothing measured is neither.

A *new* blocker needs care. One that the reference passed by is new. One in a place that the reference never got to has only
come to light: it counts if it is fatal and the run got no further than the reference, for then it died of something else. And one that
only tells of slowness (a busy machine is enough for slow SQL) is a question, since times are judged by a test of their own.
"""

from typing import Final, Literal, assert_never

import attrs

from runner.core.blockers import RULES
from runner.core.compare_times import LEAST_RUNS
from runner.core.compared import NOT_TOLD, Comparison, Row

GateVerdict = Literal["pass", "regression", "flaky", "inconclusive", "nothing-measured", "harness-error"]

# The furthest milestone and the end say the same as the rows that they sum up.
JUDGED: Final = frozenset({"verdict", "milestone", "blocker", "assertion"})


@attrs.frozen(kw_only=True)
class Gate:
    """The answer for one side against the first.

    Attributes:
        side: The side's label.
        verdict: The answer.
        regressions: What got worse, in words.
        open_questions: What could not be told.
        improvements: What got better.
        new_blockers: Ids of blockers among the regressions, for annotations.
    """

    side: str
    verdict: GateVerdict
    regressions: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    improvements: tuple[str, ...] = ()
    new_blockers: tuple[str, ...] = ()


def gate(comparison: Comparison, side: int = -1) -> Gate:
    """Judge one side, by its place among the sides, against the first."""
    side %= len(comparison.sides)
    reference, candidate = comparison.sides[0], comparison.sides[side]
    unjudged = _unjudged(comparison, side)
    if unjudged is not None:
        return unjudged
    worse: list[str] = []
    better: list[str] = []
    open_questions = [f"left out {reason}" for reason in (*reference.left_out, *candidate.left_out)]
    new_blockers = []
    not_told: dict[bool, list[str]] = {False: [], True: []}
    got_further = any(row.marks[side] == "fixed" for row in comparison.milestones)
    for row in comparison.rows:
        if row.kind not in JUDGED:
            continue
        said = f"{row.kind} {row.id}: {row.states[0]} -> {row.states[side]}".replace("verdict verdict", "verdict")
        match row.marks[side]:
            case "broke" | "flaky" if _tells_of_speed(row):
                open_questions.append(f"{said}; it comes and goes with the machine's load")
            case "broke":
                worse.append(said)
            case "appeared":
                (worse if row.fatal and not got_further else open_questions).append(said)
            case "fixed":
                better.append(said)
            case "flaky":
                open_questions.append(f"flaky {said}")
            case "unknown" | "vanished" if NOT_TOLD in (row.states[0], row.states[side]):
                not_told[row.states[0] == NOT_TOLD].append(row.id)
            case "unknown" | "vanished":
                open_questions.append(said)
            case "same" | "differs":
                continue
            case "slower" | "faster" | "inconclusive" | "not-comparable":
                raise ValueError(f"{row.kind} {row.id} carries a mark of times: {row.marks[side]}")
            case _ as mark:
                assert_never(mark)
        if row.kind == "blocker" and worse and worse[-1] == said:
            new_blockers.append(row.id)
    # One line for all of them: a run that ended early leaves a dozen, and the table has each.
    for before, names in not_told.items():
        if names:
            who = "the reference does not tell" if before else "no longer told, since the run did not get there"
            open_questions.append(f"blockers, {who}: {', '.join(names)}")
    _judge_times(comparison, side, worse, better, open_questions)
    flaky = any(
        row.marks[side] == "flaky" and not _tells_of_speed(row) for row in comparison.rows if row.kind in JUDGED
    )
    verdict: GateVerdict = "regression" if worse else "flaky" if flaky else "inconclusive" if open_questions else "pass"
    return Gate(
        side=candidate.label,
        verdict=verdict,
        regressions=tuple(worse),
        open_questions=tuple(open_questions),
        improvements=tuple(better),
        new_blockers=tuple(new_blockers),
    )


def _unjudged(comparison: Comparison, side: int) -> Gate | None:
    """The answer where there is nothing to judge; None where there is."""
    reference, candidate = comparison.sides[0], comparison.sides[side]
    if not candidate.runs and candidate.harness_failed:
        return Gate(side=candidate.label, verdict="harness-error", open_questions=candidate.left_out)
    if not candidate.runs or not reference.runs:
        empty = candidate if not candidate.runs else reference
        return Gate(side=candidate.label, verdict="nothing-measured", open_questions=empty.left_out)
    other = ""
    if not comparison.same_experiment[side]:
        other = f"{candidate.experiment} is not {reference.experiment}: nothing can regress"
    elif not comparison.same_workload[side]:
        # A stand-in is no evidence about k3s, and upstream's components are started and end in other ways.
        other = f"{candidate.workload} is not {reference.workload}: nothing can regress"
    if not other:
        return None
    left_out = tuple(f"left out {reason}" for reason in (*reference.left_out, *candidate.left_out))
    return Gate(side=candidate.label, verdict="inconclusive", open_questions=(*left_out, other))


def _tells_of_speed(row: Row) -> bool:
    """Whether the row is about a blocker that a busy machine is enough for."""
    rule = RULES.get(row.id) if row.kind == "blocker" else None
    return rule is not None and rule.of_speed


def _judge_times(
    comparison: Comparison, side: int, worse: list[str], better: list[str], open_questions: list[str]
) -> None:
    if not comparison.comparable[side]:
        return
    for row in comparison.times:
        ratio = row.ratios[side]
        if not row.gated or ratio is None:
            continue
        said = f"time to {row.id}: {ratio:.2f} times"
        if row.marks[side] == "slower":
            worse.append(said)
        elif row.marks[side] == "faster":
            better.append(said)
        elif row.marks[side] == "inconclusive" and _large_enough_to_ask(comparison, side):
            open_questions.append(f"{said}, but the runs do not show that it is more than noise")


def _large_enough_to_ask(comparison: Comparison, side: int) -> bool:
    """Whether there were enough runs for times to be a question at all; with one run a side they are none."""
    return min(len(comparison.sides[0].runs), len(comparison.sides[side].runs)) >= LEAST_RUNS
