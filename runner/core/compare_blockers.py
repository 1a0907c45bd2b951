"""Blockers on every side: new, gone, persisting, overcome by what, or not told.

The idea: a blocker that was not seen is *absent* only where a milestone beyond its place was reached; otherwise nobody can
tell, and the mark says so.

What this module must not do: decide what a change means; ``gate`` does.
"""

from collections.abc import Sequence

from runner.core.blockers import RULES
from runner.core.compare_side import Side, State, mark_of, together
from runner.core.compared import NOT_TOLD, Mark, Row
from runner.core.milestones import BEYOND
from runner.model.result import RunResult


def blocker_rows(sides: Sequence[Side]) -> tuple[Row, ...]:
    """A row for each blocker that any side lists."""
    found = [b for side in sides for result in side.measured for b in result.blockers]
    fatal = {b.id: b.fatal for b in found}
    rows = []
    for name in sorted(fatal, key=lambda name: (not fatal[name], _rank(name))):
        states = [together([_blocker(result, name) for result in side.measured]) for side in sides]
        marks: list[Mark] = ["same"]
        for state in states[1:]:
            pair = (states[0], state)
            mark: Mark = "appeared" if pair == ("unknown", "bad") else "vanished"
            marks.append(mark if pair in {("unknown", "bad"), ("bad", "unknown")} else mark_of(*pair))
        said = tuple(_say_blocker(side.measured, name, state) for side, state in zip(sides, states, strict=True))
        rows.append(Row(kind="blocker", id=name, states=said, marks=tuple(marks), fatal=fatal[name]))
    # What changed stands first, then what persists, then what was overcome on all sides; within these the fatal ones.
    seen = {b.id for b in found if b.count}
    return tuple(sorted(rows, key=lambda row: (set(row.marks) == {"same"}, row.id not in seen)))


def blockers_in_short(sides: Sequence[Side], blockers: Sequence[Row]) -> Row:
    """How many are seen on each side, and of these how many are new, gone and persisting against the first."""
    words, marks = [], []
    for number, side in enumerate(sides):
        # A blocker that only another side knows has a row, too, which says nothing about this side.
        listed = {b.id for one in (sides[0], side) for result in one.measured for b in result.blockers}
        changed = [row.marks[number] for row in blockers if row.id in listed]
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
