"""Which cell a campaign runs next, how often, and how long the rest will take.

A campaign keeps no state of its own: what is left follows from the cells that are wanted and the attempts that are there. So
one that was killed goes on where it was, two of them share their attempts, and a shard is just fewer cells.

What this module must not do: run anything, or look at a clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import Final, Literal

import attrs

from runner.core.cell import Attempt, Cell, Circumstances

Attempts = Mapping[str, Sequence[Attempt]]
"""Finished attempts by the fingerprint of their cell, oldest first."""

# Before anything was measured here: real k3s, most experiments, on two cores.
FIRST_GUESS_S: Final = 30.0


@attrs.frozen(kw_only=True)
class Policy:
    """How a campaign goes about its cells.

    Attributes:
        order: ``declared`` takes them as they stand; ``informative`` first those that show most that is new: pairs of
            circumstances that no attempt has seen together, and among equals those of which least was seen.
        repeat: Attempts at each cell.
        in_doubt: Attempts at a cell whose attempts disagree, or whose outcome is not the declared one: a surprise counts
            once it came twice. Below ``repeat`` it changes nothing.
        anew_since: UTC, ISO 8601: attempts finished before it do not count, to measure everything again.
        retry_since: Likewise, but only those that measured nothing (``unavailable``, ``not-started``, a broken harness).
        budget_s: A cell is begun only if it is expected to end within so many seconds of the campaign's start; None is no
            limit.
    """

    order: Literal["declared", "informative"] = "declared"
    repeat: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    in_doubt: int = 1
    anew_since: str = ""
    retry_since: str = ""
    budget_s: float | None = None


@attrs.frozen(kw_only=True)
class Todo:
    """One attempt that is still to be made.

    Attributes:
        cell: At what.
        number: Which attempt at it this is, from 1.
        of: How many there will be, as far as one can tell.
        estimate_s: How long it will probably take.
        reason: Why it is wanted.
    """

    cell: Cell
    number: int
    of: int
    estimate_s: float
    reason: str


def left(cells: Iterable[Cell], done: Attempts, policy: Policy) -> tuple[Todo, ...]:
    """What is still to be done, the next attempt at each cell, in the declared order."""
    estimates = _Estimates(done)
    found = {}
    for cell in cells:
        attempts = [one for one in done.get(cell.fingerprint, ()) if _counts(one, policy)]
        wanted, reason = _wanted(attempts, policy)
        if len(attempts) < wanted:
            found[cell.fingerprint] = Todo(
                cell=cell,
                number=len(attempts) + 1,
                of=wanted,
                estimate_s=estimates.of(cell),
                reason=reason,
            )
    return tuple(found.values())


def choose(todo: Sequence[Todo], done: Attempts, policy: Policy, elapsed_s: float) -> Todo | None:
    """The attempt to make now; None when none is left, or none fits into what is left of the budget."""
    if policy.budget_s is not None:
        todo = [one for one in todo if elapsed_s + one.estimate_s <= policy.budget_s]
    if not todo:
        return None
    if policy.order == "declared":
        return todo[0]
    cells = [_axes(attempts[0].cell) for attempts in done.values() if attempts]
    pairs = {pair for axes in cells for pair in _pairs(axes)}
    values = Counter(value for axes in cells for value in axes)

    def news(one: Todo) -> tuple[bool, int, int]:
        axes = _axes(one.cell.circumstances)
        return one.number == 1, len(_pairs(axes) - pairs), -sum(values[value] for value in axes)

    # max takes the first of equals, which is the declared order.
    return max(todo, key=news)


def time_left_s(todo: Iterable[Todo]) -> float:
    """How long everything that is left will probably take, one after the other, in seconds."""
    return sum(one.estimate_s * (one.of - one.number + 1) for one in todo)


def measured(attempt: Attempt) -> bool:
    """Whether an attempt says something about the workload."""
    return attempt.outcome.ending == "ran" and attempt.outcome.verdict != "error"


def _counts(attempt: Attempt, policy: Policy) -> bool:
    since = policy.anew_since if measured(attempt) else max(policy.anew_since, policy.retry_since)
    return attempt.finished_at >= since


def _wanted(attempts: Sequence[Attempt], policy: Policy) -> tuple[int, str]:
    if len(attempts) < policy.repeat:
        return policy.repeat, "repeat" if attempts else "never run"
    # That a version cannot be had is no surprise to be confirmed: it would be asked for in vain again and again.
    outcomes = [attempt.outcome for attempt in attempts if attempt.outcome.ending != "unavailable"]
    if len({outcome.sameness for outcome in outcomes}) > 1:
        return max(policy.repeat, policy.in_doubt), "attempts disagree"
    if any(not outcome.as_expected for outcome in outcomes):
        return max(policy.repeat, min(policy.in_doubt, 2)), "not as declared"
    return policy.repeat, "done"


class _Estimates:
    """How long a cell will take: as its own kind did, else as any did."""

    def __init__(self, done: Attempts) -> None:
        self._by_kind: dict[tuple[str, str], list[float]] = {}
        for attempts in done.values():
            for attempt in attempts:
                if attempt.outcome.ending != "unavailable":
                    kind = attempt.cell.experiment, attempt.cell.workload
                    self._by_kind.setdefault(kind, []).append(attempt.took_s)
        everything = [took for times in self._by_kind.values() for took in times]
        self._any_s = median(everything) if everything else FIRST_GUESS_S

    def of(self, cell: Cell) -> float:
        times = self._by_kind.get((cell.experiment.name, cell.workload))
        return median(times) if times else self._any_s


_Axis = tuple[str, object]


def _axes(cell: Circumstances) -> tuple[_Axis, ...]:
    # What goes together counts once: a build that is run with a platform of its own, or without a step, is no more news.
    return (
        ("experiment", cell.experiment),
        ("workload", (cell.workload, cell.version)),
        ("arena", (cell.arena, cell.runsc, cell.platform)),
        ("mechanism", cell.mechanism),
        ("fault", cell.fault),
    )


def _pairs(axes: Iterable[_Axis]) -> frozenset[tuple[_Axis, _Axis]]:
    return frozenset(combinations(axes, 2))


def tally(cells: Iterable[Cell], done: Attempts) -> Counter[str]:
    """How many cells have which newest outcome: a verdict, or an ending other than ``ran``, or ``not run``."""
    counts: Counter[str] = Counter()
    for cell in cells:
        attempts = done.get(cell.fingerprint, ())
        if not attempts:
            counts["not run"] += 1
            continue
        newest = attempts[-1].outcome
        counts[newest.verdict if newest.ending == "ran" else newest.ending] += 1
    return counts
