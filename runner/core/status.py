"""What a matrix says: how far each experiment gets where, what stops it, and which blockers are where.

What this module must not do: lay anything out, or know where results are.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from runner.core.agenda import Attempts
from runner.core.blockers import RULES
from runner.core.cell import Attempt, agreement, standing
from runner.core.changes import Change, Facts, changes
from runner.core.matrix import Column, Placed, Plan, column_key
from runner.core.met import Met, met_where
from runner.core.milestones import MILESTONES
from runner.core.needs import Workaround, workarounds
from runner.model.experiment import Experiment
from runner.model.kinds import Milestone

GOALS: Final[tuple[Milestone, ...]] = ("apiserver-serving", "node-registered", "node-ready", "pod-running")


@attrs.frozen(kw_only=True)
class Square:
    """One experiment in one column.

    Attributes:
        placed: The cell; None where there can be none.
        reason: Why there is none, or why some machines cannot run it.
        attempts: Oldest first; none when it was not run yet.
        same: How many came out like the most frequent outcome.
    """

    placed: Placed | None
    reason: str
    attempts: tuple[Attempt, ...]
    same: int

    @property
    def standing(self) -> Attempt | None:
        """The attempt that stands for the cell."""
        return standing(self.attempts)


@attrs.frozen(kw_only=True)
class Smallest:
    """The fewest workarounds known to reach a goal in a column."""

    goal: Milestone
    column: Column
    attempt: Attempt


@attrs.frozen(kw_only=True)
class Status:
    """The whole page.

    Attributes:
        plan: The matrix.
        rows: Experiments with their squares, one a column.
        best: Column -> the run that got furthest there, with the fewest workarounds; none where nothing ran.
        smallest: Where a goal was reached at all.
        workarounds: Those that hold something back.
        changes: Between neighbours.
        met: Blocker -> what became of it, by version of gVisor and workload.
        facts: What the probes found.
    """

    plan: Plan
    rows: tuple[tuple[Experiment, tuple[Square, ...]], ...]
    best: dict[tuple[str, ...], Attempt]
    smallest: tuple[Smallest, ...]
    workarounds: tuple[Workaround, ...]
    changes: tuple[Change, ...]
    met: dict[str, tuple[Met, ...]]
    facts: Facts


def status(plan: Plan, done: Attempts, facts: Facts) -> Status:
    """Fold all attempts of a matrix.

    Args:
        plan: The matrix.
        done: Attempts by fingerprint.
        facts: Facts of the arenas.
    """
    refused = {step for column in plan.columns for step in column.without}
    by_column = {column_key(column): _attempts_in(column, done) for column in plan.columns}
    squares = _squares(plan, done)
    rows = tuple(
        (experiment, tuple(squares[experiment.name, column_key(column)] for column in plan.columns))
        for experiment in plan.experiments
    )
    stand = tuple((experiment.name, tuple(square.standing for square in row)) for experiment, row in rows)
    return Status(
        plan=plan,
        rows=rows,
        best={key: best for key, attempts in by_column.items() if (best := _best(attempts)) is not None},
        smallest=tuple(_smallest(plan, by_column)),
        workarounds=tuple(workarounds(plan, by_column, done)),
        changes=tuple(changes(plan, stand, facts)),
        met={name: found for name in RULES if (found := met_where(name, done, plan.experiments, refused))},
        facts=facts,
    )


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


def _squares(plan: Plan, done: Attempts) -> dict[tuple[str, tuple[str, ...]], Square]:
    """Experiment and column -> square, of every place."""
    found = {
        (none.experiment, column_key(none.column)): Square(placed=None, reason=none.reason, attempts=(), same=0)
        for none in plan.impossible
    }
    for placed in plan.placed:
        if placed.left_out:
            continue
        attempts = tuple(done.get(placed.cell.fingerprint, ()))
        found[placed.cell.experiment.name, column_key(placed.column)] = Square(
            placed=placed,
            reason=next(iter(placed.unless.values()), ""),
            attempts=attempts,
            same=agreement(attempts)[0],
        )
    return found


def _best(attempts: Sequence[Attempt]) -> Attempt | None:
    ran = [one for one in attempts if one.outcome.furthest]

    def rank(one: Attempt) -> tuple[int, bool, int]:
        outcome = one.outcome
        height = max(rung for rung, name in enumerate(MILESTONES) if name == outcome.furthest)
        return height, outcome.verdict == "pass", -len(outcome.applied)

    return max(ran, key=rank, default=None)


def _smallest(plan: Plan, by_column: Mapping[tuple[str, ...], Sequence[Attempt]]) -> Iterable[Smallest]:
    for goal in GOALS:
        for column in plan.columns:
            reached = [one for one in by_column[column_key(column)] if goal in one.outcome.milestones]
            if reached:
                fewest = min(reached, key=lambda one: len(one.outcome.applied))
                yield Smallest(goal=goal, column=column, attempt=fewest)
