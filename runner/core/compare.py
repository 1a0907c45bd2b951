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
from typing import Literal

import attrs

from runner.core.blockers import RULES
from runner.core.compare_environment import environment_rows, times_comparable
from runner.core.compare_times import Thresholds, time_rows
from runner.core.compared import NOT_TOLD, Comparison, Mark, Row, SideInfo
from runner.core.milestones import BEYOND, MILESTONES
from runner.model.experiment import Milestone
from runner.model.result import RunResult

State = Literal["good", "bad", "unknown", "flaky"]


class CompareError(ValueError):
    """There is nothing to compare; the message says what is missing."""


@attrs.frozen(kw_only=True)
class Side:
    """What stands in one column: a name and the results behind it, repeats of the same run."""

    label: str
    results: tuple[RunResult, ...] = attrs.field(validator=attrs.validators.min_len(1))

    @property
    def measured(self) -> tuple[RunResult, ...]:
        """The results that say something about the workload."""
        return tuple(result for result in self.results if why_not_measured(result) is None)


def why_not_measured(result: RunResult) -> str | None:
    """Why a result says nothing about the workload; None when it does."""
    if result.state != "finished":
        return "did not finish: still running, or killed"
    if result.ended_by.reason in {"interrupted", "harness-error"}:
        return f"ended by {result.ended_by.reason}: {result.ended_by.detail}"
    if result.verdict in {"error", "skipped"}:
        return f"verdict {result.verdict}: {result.ended_by.detail}"
    if not any(rung.reached for rung in result.milestones):
        return "no milestone was reached: nothing was measured"
    return None


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
    blockers = _blockers(sides)
    return Comparison(
        sides=tuple(_info(side) for side in sides),
        outcomes=(_verdicts(sides), _furthest(sides), _ends(sides), _blockers_in_short(sides, blockers)),
        milestones=tuple(_milestone(sides, name) for name in MILESTONES),
        blockers=blockers,
        assertions=_assertions(sides),
        times=time_rows([side.measured for side in sides], comparable, thresholds or Thresholds()),
        environment=environment_rows([side.results for side in sides]),
        comparable=comparable,
        same_experiment=tuple(
            all(result.experiment.number == first for result in side.results + sides[0].results) for side in sides
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


def _together(states: Sequence[State]) -> State:
    """The state of a side from those of its repeats; what one repeat cannot tell, the others may."""
    known = {state for state in states if state != "unknown"}
    if not known:
        return "unknown"
    return known.pop() if len(known) == 1 else "flaky"


def _mark(before: State, after: State) -> Mark:
    if "flaky" in {before, after}:
        return "flaky"
    if before == after:
        return "same"
    if "unknown" in {before, after}:
        return "unknown"
    return "broke" if after == "bad" else "fixed"


def _marks(states: Sequence[State]) -> tuple[Mark, ...]:
    return ("same", *(_mark(states[0], state) for state in states[1:]))


def _verdicts(sides: Sequence[Side]) -> Row:
    by_side = [[(result.verdict, result.as_expected) for result in side.measured] for side in sides]
    states = [
        _together(["good" if v == "pass" else "bad" if v == "fail" else "unknown" for v, _ in verdicts])
        for verdicts in by_side
    ]
    words = tuple(
        _words([f"{v}{', as expected' if expected else ', not as expected'}" for v, expected in verdicts])
        for verdicts in by_side
    )
    marks = _marks(states)
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
            marks.append("same" if by_side[0][0] == ranks[0] else "broke" if ranks[0] < by_side[0][0] else "fixed")
    states = tuple(_words([MILESTONES[rank] for rank in ranks]) for ranks in by_side)
    return Row(kind="furthest", id="furthest", states=states, marks=tuple(marks))


def _ends(sides: Sequence[Side]) -> Row:
    states = tuple(_words([_end_of(result) for result in side.results]) for side in sides)
    marks: tuple[Mark, ...] = tuple("same" if state == states[0] else "differs" for state in states)
    return Row(kind="ended-by", id="ended by", states=states, marks=marks)


def _end_of(result: RunResult) -> str:
    reason = result.ended_by.reason or "nothing yet"
    blocker = next((b.id for b in result.blockers if b.fatal and b.count), None)
    return f"{reason} {blocker}" if reason == "fatal-blocker" and blocker else reason


def _milestone(sides: Sequence[Side], name: Milestone) -> Row:
    states = [_together([_reached(result, name) for result in side.measured]) for side in sides]
    words = {"good": "reached", "bad": "not reached", "unknown": "not waited for"}
    said = []
    for side, state in zip(sides, states, strict=True):
        count = sum(_reached(result, name) == "good" for result in side.measured)
        said.append(words.get(state, f"{count} of {len(side.measured)} runs") if side.measured else "nothing measured")
    return Row(kind="milestone", id=name, states=tuple(said), marks=_marks(states))


def _reached(result: RunResult, name: str) -> State:
    if any(rung.reached for rung in result.milestones if rung.id == name):
        return "good"
    # A run that ends at its target does not wait for what else might come.
    return "unknown" if result.ended_by.reason == "target-reached" else "bad"


def _assertions(sides: Sequence[Side]) -> tuple[Row, ...]:
    names = dict.fromkeys(claim.id for side in sides for result in side.results for claim in result.assertions)
    rows = []
    for name in names:
        verdicts = [[c.verdict for r in side.measured for c in r.assertions if c.id == name] for side in sides]
        states = [
            _together(["good" if v == "pass" else "bad" if v == "fail" else "unknown" for v in found])
            for found in verdicts
        ]
        words = tuple(
            _words(list(found)) if found else "not declared" if side.measured else "nothing measured"
            for side, found in zip(sides, verdicts, strict=True)
        )
        marks = tuple(
            "unknown" if mark == "same" and word != words[0] else mark
            for mark, word in zip(_marks(states), words, strict=True)
        )
        rows.append(Row(kind="assertion", id=name, states=words, marks=marks))
    return tuple(rows)


def _blockers(sides: Sequence[Side]) -> tuple[Row, ...]:
    found = [b for side in sides for result in side.measured for b in result.blockers]
    fatal = {b.id: b.fatal for b in found}
    rows = []
    for name in sorted(fatal, key=lambda name: (not fatal[name], _rank(name))):
        states = [_together([_blocker(result, name) for result in side.measured]) for side in sides]
        marks: list[Mark] = ["same"]
        for state in states[1:]:
            pair = (states[0], state)
            mark: Mark = "appeared" if pair == ("unknown", "bad") else "vanished"
            marks.append(mark if pair in {("unknown", "bad"), ("bad", "unknown")} else _mark(*pair))
        said = tuple(_say_blocker(side.measured, name, state) for side, state in zip(sides, states, strict=True))
        rows.append(Row(kind="blocker", id=name, states=said, marks=tuple(marks), fatal=fatal[name]))
    # What changed stands first, then what persists, then what was overcome on all sides; within these the fatal ones.
    seen = {b.id for b in found if b.count}
    return tuple(sorted(rows, key=lambda row: (set(row.marks) == {"same"}, row.id not in seen)))


def _blockers_in_short(sides: Sequence[Side], blockers: Sequence[Row]) -> Row:
    """How many are seen on each side, and of these how many are new, gone and persisting against the first."""
    words, marks = [], []
    for number, side in enumerate(sides):
        changed = [row.marks[number] for row in blockers]
        mark: Mark = "same"
        seen = {b.id for result in side.measured for b in result.blockers if b.count}
        said = f"{len(seen)} seen" if side.measured else "nothing measured"
        if number and side.measured:
            counts = {
                "new": changed.count("broke") + changed.count("appeared"),
                "gone": changed.count("fixed") + changed.count("vanished"),
                "flaky": changed.count("flaky"),
                "persisting": sum(row.marks[number] == "same" and row.id in seen for row in blockers),
            }
            told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
            said = f"{said}: {told}" if told else said
            directions = set(changed) & {"broke", "fixed"}
            if "flaky" in changed:
                mark = "flaky"
            elif len(directions) == 1 and not set(changed) & {"appeared", "vanished"}:
                mark = "broke" if "broke" in directions else "fixed"
            elif set(changed) - {"same", "unknown"}:
                mark = "differs"
            elif "unknown" in changed:
                mark = "unknown"
        elif number and bool(side.measured) != bool(sides[0].measured):
            mark = "unknown"
        words.append(said)
        marks.append(mark)
    if not sides[0].measured:
        marks = [marks[0], *("unknown" if side.measured else "same" for side in sides[1:])]
    return Row(kind="blockers", id="blockers", states=tuple(words), marks=tuple(marks))


def _rank(name: str) -> int:
    known = list(RULES)
    return known.index(name) if name in RULES else len(known)


def _blocker(result: RunResult, name: str) -> State:
    here = [b for b in result.blockers if b.id == name]
    if any(b.count for b in here):
        return "bad"
    if here:
        return "good"  # listed though not seen: an assertion shows that it was overcome
    rule = RULES.get(name)
    passed = {rung.id for rung in result.milestones if rung.reached}
    return "good" if rule is not None and BEYOND[rule.lies_before] & passed else "unknown"


def _say_blocker(results: Sequence[RunResult], name: str, state: State) -> str:
    here = [b for result in results for b in result.blockers if b.id == name]
    seen = [b.count for b in here if b.count]
    if state == "bad":
        low, high = min(seen), max(seen)
        times = "" if high == 1 else f" {low} times" if low == high else f" {low} to {high} times"
        return f"seen{times}"
    if state == "flaky":
        return f"seen in {len(seen)} of {len(results)} runs"
    by = dict.fromkeys(b.resolved_by for b in here if b.resolved_by)
    if by:
        return f"overcome by {' | '.join(by)}"
    if not results:
        return "nothing measured"
    return "absent" if state == "good" else NOT_TOLD


def _words(said: list[str]) -> str:
    counts = {word: said.count(word) for word in dict.fromkeys(said)}
    if not counts:
        return "nothing measured"
    return (
        next(iter(counts))
        if len(counts) == 1
        else ", ".join(f"{word} ({n} of {len(said)})" for word, n in counts.items())
    )
