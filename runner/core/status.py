"""What a matrix says: how far each experiment gets where, which blockers are where, and which workaround is still needed.

A workaround's need is judged from runs that did without it. It is needed where one of the blockers that it holds back then
appeared. It is not needed where none of them did, nothing else held them back, and start-up got beyond the place of each. Any
other run says nothing: a run *with* the workaround never shows that it is needed.

What this module must not do: lay anything out, or know where results are.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import attrs

from runner.core.agenda import Attempts
from runner.core.blockers import RULES
from runner.core.cell import Attempt, agreement
from runner.core.matrix import Column, NoCell, Placed, Plan
from runner.core.milestones import BEYOND
from runner.model.experiment import Experiment
from runner.model.kinds import Milestone

Facts = Mapping[tuple[str, str], Mapping[str, str]]
"""By the build's version and the platform: name of a probe -> what was found."""
Need = Literal["needed", "not needed", "unknown"]
GOALS: Final[tuple[Milestone, ...]] = ("apiserver-serving", "node-registered", "node-ready", "pod-running")


@attrs.frozen(kw_only=True)
class Square:
    """One experiment in one column.

    Attributes:
        placed: The cell; None where there can be none.
        reason: Why there is none.
        attempts: Oldest first; none when it was not run yet.
        same: How many came out like the most frequent outcome.
    """

    placed: Placed | None
    reason: str
    attempts: tuple[Attempt, ...]
    same: int

    @property
    def newest(self) -> Attempt | None:
        """The attempt that stands for the cell."""
        return self.attempts[-1] if self.attempts else None


@attrs.frozen(kw_only=True)
class Smallest:
    """The fewest workarounds known to reach a goal in a column."""

    goal: Milestone
    column: Column
    attempt: Attempt


@attrs.frozen(kw_only=True)
class NeedAt:
    """Whether a workaround is needed in one column, and the run that shows it."""

    column: Column
    need: Need
    witness: Attempt | None


@attrs.frozen(kw_only=True)
class Workaround:
    """One step or view part over all columns.

    Attributes:
        id: Of the step or view part.
        holds_back: Blockers that appear without it.
        needs: One a column.
    """

    id: str
    holds_back: tuple[str, ...]
    needs: tuple[NeedAt, ...]


@attrs.frozen(kw_only=True)
class Change:
    """What is different between two neighbouring builds, for one workload, where all else is the same.

    Attributes:
        before: The older column.
        after: The newer one.
        outcomes: Experiments whose furthest milestone or fatal blockers differ: name, before, after.
        gone: Blockers that only the older one shows in experiments that both ran.
        new: Likewise the newer one.
        facts: Facts of the arena that differ: name, before, after.
    """

    before: Column
    after: Column
    outcomes: tuple[tuple[str, str, str], ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]


@attrs.frozen(kw_only=True)
class Status:
    """The whole page.

    Attributes:
        plan: The matrix.
        rows: Experiments with their squares, one a column.
        smallest: Where a goal was reached at all.
        workarounds: Those that hold something back.
        changes: Between neighbours.
        seen: Blocker -> builds in which any run saw it, in the declared order.
    """

    plan: Plan
    rows: tuple[tuple[Experiment, tuple[Square, ...]], ...]
    smallest: tuple[Smallest, ...]
    workarounds: tuple[Workaround, ...]
    changes: tuple[Change, ...]
    seen: dict[str, tuple[str, ...]]


def status(plan: Plan, done: Attempts, facts: Facts) -> Status:
    """Fold all attempts of a matrix.

    Args:
        plan: The matrix.
        done: Attempts by fingerprint.
        facts: Facts of the arenas.
    """
    by_column = {column_key(column): _attempts_in(column, done) for column in plan.columns}
    rows = tuple((experiment, tuple(_square(experiment, column, plan, done) for column in plan.columns))
                 for experiment in plan.experiments)  # fmt: skip
    return Status(
        plan=plan,
        rows=rows,
        smallest=tuple(_smallest(plan, by_column)),
        workarounds=tuple(_workarounds(plan, by_column)),
        changes=tuple(_changes(plan, rows, facts)),
        seen=_seen(plan, by_column),
    )


def column_key(column: Column) -> tuple[str, ...]:
    """What tells two columns apart."""
    return column.build.name, str(column.workload), column.platform, column.mechanism


def _attempts_in(column: Column, done: Attempts) -> tuple[Attempt, ...]:
    """Every undisturbed attempt under a column's circumstances, also at cells of searches, which are in no matrix."""
    wanted = column.workload.kind, column.workload.version, column.build.version, column.platform
    return tuple(
        attempt
        for attempts in done.values()
        for attempt in attempts
        if not attempt.cell.fault and _circumstances(attempt) == wanted
    )


def _circumstances(attempt: Attempt) -> tuple[str, ...]:
    """What an attempt shares with a column."""
    return attempt.cell.workload, attempt.cell.version, attempt.cell.runsc, attempt.cell.platform


def _square(experiment: Experiment, column: Column, plan: Plan, done: Attempts) -> Square:
    def here(one: Placed | NoCell) -> bool:
        name = one.cell.experiment.name if isinstance(one, Placed) else one.experiment
        return name == experiment.name and one.column == column

    placed = next((one for one in plan.placed if here(one) and not one.left_out), None)
    if placed is None:
        reason = next((one.reason for one in plan.impossible if here(one)), "")
        return Square(placed=None, reason=reason, attempts=(), same=0)
    attempts = tuple(done.get(placed.cell.fingerprint, ()))
    return Square(placed=placed, reason="", attempts=attempts, same=agreement(attempts)[0])


def _smallest(plan: Plan, by_column: Mapping[tuple[str, ...], Sequence[Attempt]]) -> Iterable[Smallest]:
    for goal in GOALS:
        for column in plan.columns:
            reached = [one for one in by_column[column_key(column)] if goal in one.outcome.milestones]
            if reached:
                fewest = min(reached, key=lambda one: len(one.outcome.applied))
                yield Smallest(goal=goal, column=column, attempt=fewest)


def holders(experiments: Iterable[Experiment]) -> dict[str, frozenset[str]]:
    """Step or view part -> the blockers that it is declared to hold back, in any experiment."""
    found: dict[str, set[str]] = {}
    for experiment in experiments:
        for step in experiment.steps:
            found.setdefault(step.id, set()).update(step.holds_back)
        for part, blockers in experiment.view.holds_back.items():
            found.setdefault(part, set()).update(blockers)
    return {name: frozenset(blockers) for name, blockers in found.items() if blockers}


def _workarounds(plan: Plan, by_column: Mapping[tuple[str, ...], Sequence[Attempt]]) -> Iterable[Workaround]:
    held = holders(plan.experiments)
    for name, blockers in held.items():
        needs = tuple(_need(name, blockers, held, column, by_column[column_key(column)]) for column in plan.columns)
        yield Workaround(id=name, holds_back=tuple(sorted(blockers)), needs=needs)


def _need(
    name: str,
    blockers: frozenset[str],
    held: Mapping[str, frozenset[str]],
    column: Column,
    attempts: Sequence[Attempt],
) -> NeedAt:
    without = [one for one in attempts if one.outcome.ending == "ran" and name not in one.outcome.applied]
    for one in reversed(without):
        if blockers & set(one.outcome.fatal):
            return NeedAt(column=column, need="needed", witness=one)
    for one in reversed(without):
        if _shows_it_is_not_needed(name, blockers, held, one):
            return NeedAt(column=column, need="not needed", witness=one)
    return NeedAt(column=column, need="unknown", witness=None)


def _shows_it_is_not_needed(
    name: str, blockers: frozenset[str], held: Mapping[str, frozenset[str]], one: Attempt
) -> bool:
    others = (other for other in one.outcome.applied if other != name)
    if any(held.get(other, frozenset()) & blockers for other in others) or blockers & set(one.outcome.resolved):
        return False
    reached = set(one.outcome.milestones)
    return all(reached & BEYOND[RULES[blocker].lies_before] for blocker in blockers)


def _changes(
    plan: Plan,
    rows: Sequence[tuple[Experiment, Sequence[Square]]],
    facts: Facts,
) -> Iterable[Change]:
    for number, after in enumerate(plan.columns):
        earlier = [column for column in plan.columns[:number] if column_key(column)[1:] == column_key(after)[1:]]
        # Builds differ in their usual platform; the workload is what must be the same.
        earlier = earlier or [column for column in plan.columns[:number] if column.workload == after.workload]
        if not earlier:
            continue
        before = earlier[-1]
        if before.build == after.build:
            continue
        old, new = plan.columns.index(before), number
        pairs = [
            (experiment.name, first, second)
            for experiment, squares in rows
            if (first := squares[old].newest) is not None and (second := squares[new].newest) is not None
        ]
        if not pairs:
            continue
        seen_before = {blocker for _, first, _ in pairs for blocker in _all_blockers(first)}
        seen_after = {blocker for _, _, second in pairs for blocker in _all_blockers(second)}
        yield Change(
            before=before,
            after=after,
            outcomes=tuple(
                (name, short(first), short(second)) for name, first, second in pairs if short(first) != short(second)
            ),
            gone=tuple(sorted(seen_before - seen_after)),
            new=tuple(sorted(seen_after - seen_before)),
            facts=_differing(*(facts.get((one.build.version, one.platform), {}) for one in (before, after))),
        )


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    # A side without any facts was not probed: that everything differs from nothing says nothing.
    if not before or not after:
        return ()
    names = dict.fromkeys((*before, *after))
    pairs = ((name, before.get(name, "not probed"), after.get(name, "not probed")) for name in names)
    return tuple((name, old, new) for name, old, new in pairs if old != new)


def _all_blockers(attempt: Attempt) -> tuple[str, ...]:
    return (*attempt.outcome.fatal, *attempt.outcome.degrading)


def short(attempt: Attempt) -> str:
    """An outcome in a few words: the furthest milestone and the first blocker."""
    outcome = attempt.outcome
    if outcome.ending == "unavailable":
        return "not to be had"
    if outcome.ending == "not-started":
        return "sandbox did not start"
    if outcome.verdict == "error":
        return "runner broke"
    reached = outcome.furthest or "nothing reached"
    return f"{reached}, {outcome.fatal[0]}" if outcome.fatal else reached


def _seen(plan: Plan, by_column: Mapping[tuple[str, ...], Sequence[Attempt]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for column in plan.columns:
        for attempt in by_column[column_key(column)]:
            for blocker in _all_blockers(attempt):
                found.setdefault(blocker, {})[column.build.name] = None
    return {blocker: tuple(builds) for blocker, builds in sorted(found.items())}


def seen_where(done: Attempts) -> dict[str, frozenset[tuple[str, str]]]:
    """Blocker -> (version of gVisor, workload with its version) of every attempt that met it."""
    found: dict[str, set[tuple[str, str]]] = {}
    for attempts in done.values():
        for attempt in attempts:
            for blocker in _all_blockers(attempt):
                where = attempt.cell.runsc, f"{attempt.cell.workload} {attempt.cell.version}"
                found.setdefault(blocker, set()).add(where)
    return {blocker: frozenset(places) for blocker, places in found.items()}


def until(workaround: Workaround, builds: Sequence[str]) -> tuple[str, str]:
    """The last build that needs a workaround, and the first after it that does not; empty where nothing shows it.

    Args:
        workaround: With its needs.
        builds: Names of the builds, oldest first.
    """
    needed = [
        name for name in builds if any(n.need == "needed" and n.column.build.name == name for n in workaround.needs)
    ]
    last = needed[-1] if needed else ""
    later = builds[builds.index(last) + 1 :] if last else builds
    free = [
        name for name in later if any(n.need == "not needed" and n.column.build.name == name for n in workaround.needs)
    ]
    return last, free[0] if free else ""
