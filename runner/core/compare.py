"""What changed between runs: of any number of sides, each one run or several repeats.

The problem: a blocker that is not seen any more may be overcome, or the run may have died before it; a milestone that was
not reached may be lost, or nobody waited for it. Calling either "fixed" or "broke" is how comparisons lose their readers.

The idea: each thing has a state on each side, ``unknown`` among them, decided by the evidence rule of the verdicts: absent
counts only where a milestone beyond was reached. A mark is a function of two states; seen from the other side it is its
mirror. Repeats that disagree are ``flaky``, a state of its own.

What this module must not do: read files, decide whether a change may be merged (``gate`` does), or compare times that were
taken in different places.
"""

from collections.abc import Sequence

from runner.core.compare_blockers import blocker_rows, blockers_in_short
from runner.core.compare_environment import environment_rows, times_comparable
from runner.core.compare_side import Side, State, in_words, marks_of, together, why_not_measured
from runner.core.compare_times import Thresholds, time_rows
from runner.core.compared import Comparison, Mark, Row, SideInfo
from runner.core.milestones import MILESTONES
from runner.model.kinds import Milestone
from runner.model.result import RunResult

__all__ = ["CompareError", "Side", "compare", "why_not_measured"]


class CompareError(ValueError):
    """There is nothing to compare; the message says what is missing."""


def compare(sides: Sequence[Side], thresholds: Thresholds | None = None) -> Comparison:
    """Put sides beside each other, the first as the reference.

    Args:
        sides: Two or more.
        thresholds: From where on times differ; the usual ones if None.

    Raises:
        CompareError: Fewer than two sides.
    """
    if len(sides) < 2:  # noqa: PLR2004  the smallest comparison there is
        raise CompareError("a comparison needs two sides: name two runs, or one with --baseline")
    first = sides[0].results[0].experiment.number
    comparable = tuple(times_comparable(sides[0].results, side.results) for side in sides)
    blockers = blocker_rows(sides)
    return Comparison(
        sides=tuple(_info(side) for side in sides),
        outcomes=(_verdicts(sides), _furthest(sides), _ends(sides), blockers_in_short(sides, blockers)),
        milestones=tuple(_milestone(sides, name) for name in MILESTONES),
        blockers=blockers,
        assertions=_assertions(sides),
        times=time_rows([side.measured for side in sides], comparable, thresholds or Thresholds()),
        environment=environment_rows([side.results for side in sides]),
        comparable=comparable,
        same_experiment=tuple(
            all(result.experiment.number == first for result in side.results + sides[0].results) for side in sides
        ),
        same_workload=tuple(
            len({result.workload.kind for result in side.results + sides[0].results}) == 1 for side in sides
        ),
    )


def _info(side: Side) -> SideInfo:
    example = side.results[0]
    left_out = [(result, why) for result in side.results if (why := why_not_measured(result)) is not None]
    return SideInfo(
        label=side.label,
        experiment=f"exp{example.experiment.number:02d} {example.experiment.slug}",
        workload=f"{example.workload.kind} {example.workload.version}".strip(),
        runs=tuple(result.run_id for result in side.measured),
        left_out=tuple(f"{result.run_id}: {why}" for result, why in left_out),
        harness_failed=any(result.verdict == "error" for result, _ in left_out),
    )


def _verdicts(sides: Sequence[Side]) -> Row:
    by_side = [[(result.verdict, result.as_expected) for result in side.measured] for side in sides]
    states = [
        together(["good" if v == "pass" else "bad" if v == "fail" else "unknown" for v, _ in verdicts])
        for verdicts in by_side
    ]
    words = tuple(
        in_words([f"{v}{', as expected' if expected else ', not as expected'}" for v, expected in verdicts])
        for verdicts in by_side
    )
    marks = marks_of(states)
    # The same verdict, but once as declared and once not: worth a mark, not a judgement. An expected blocker that is gone
    # is "not as expected", too.
    marks = tuple(
        "differs" if mark == "same" and word != words[0] else mark for mark, word in zip(marks, words, strict=True)
    )
    return Row(kind="verdict", id="verdict", states=words, marks=marks)


def _furthest(sides: Sequence[Side]) -> Row:
    by_side = []
    for side in sides:
        reached = [[rung.id for rung in result.milestones if rung.reached] for result in side.measured]
        by_side.append([max(MILESTONES.index(name) for name in names if name in MILESTONES) for names in reached])
    marks: list[Mark] = ["same"]
    for ranks in by_side[1:]:
        both = {frozenset(by_side[0]), frozenset(ranks)}
        if not by_side[0] or not ranks:
            marks.append("same" if by_side[0] == ranks else "unknown")
        elif any(len(found) > 1 for found in both):
            marks.append("flaky")
        else:
            marks.append(_further(by_side[0][0], ranks[0], sides[0], sides[len(marks)]))
    states = tuple(in_words([MILESTONES[rank] for rank in ranks]) for ranks in by_side)
    return Row(kind="furthest", id="furthest", states=states, marks=tuple(marks))


def _further(before: int, after: int, first: Side, other: Side) -> Mark:
    if before == after:
        return "same"
    shorter = other if after < before else first
    # A run that ends at its target does not wait for what else might come.
    if any(result.ended_by.reason == "target-reached" for result in shorter.measured):
        return "unknown"
    return "broke" if after < before else "fixed"


def _ends(sides: Sequence[Side]) -> Row:
    states = tuple(in_words([_end_of(result) for result in side.results]) for side in sides)
    marks: tuple[Mark, ...] = tuple("same" if state == states[0] else "differs" for state in states)
    return Row(kind="ended-by", id="ended by", states=states, marks=marks)


def _end_of(result: RunResult) -> str:
    reason = result.ended_by.reason or "nothing yet"
    blocker = next((b.id for b in result.blockers if b.fatal and b.count), None)
    return f"{reason} {blocker}" if reason == "fatal-blocker" and blocker else reason


def _milestone(sides: Sequence[Side], name: Milestone) -> Row:
    states = [together([_reached(result, name) for result in side.measured]) for side in sides]
    words = {"good": "reached", "bad": "not reached", "unknown": "not waited for"}
    said = []
    for side, state in zip(sides, states, strict=True):
        count = sum(_reached(result, name) == "good" for result in side.measured)
        said.append(words.get(state, f"{count} of {len(side.measured)} runs") if side.measured else "nothing measured")
    return Row(kind="milestone", id=name, states=tuple(said), marks=marks_of(states))


def _reached(result: RunResult, name: str) -> State:
    if any(rung.reached for rung in result.milestones if rung.id == name):
        return "good"
    # Nobody waited for it, as in _further.
    return "unknown" if result.ended_by.reason == "target-reached" else "bad"


def _assertions(sides: Sequence[Side]) -> tuple[Row, ...]:
    names = dict.fromkeys(claim.id for side in sides for result in side.results for claim in result.assertions)
    rows = []
    for name in names:
        verdicts = [[c.verdict for r in side.measured for c in r.assertions if c.id == name] for side in sides]
        states = [
            together(["good" if v == "pass" else "bad" if v == "fail" else "unknown" for v in found])
            for found in verdicts
        ]
        words = tuple(
            in_words(list(found)) if found else "not declared" if side.measured else "nothing measured"
            for side, found in zip(sides, verdicts, strict=True)
        )
        marks = tuple(
            "unknown" if mark == "same" and word != words[0] else mark
            for mark, word in zip(marks_of(states), words, strict=True)
        )
        rows.append(Row(kind="assertion", id=name, states=words, marks=marks))
    return tuple(rows)
