"""What each unit of an experiment is for: what happens when it is taken away, against what happens when nothing is.

The problem: "without it, it fails" needs a baseline. An experiment may end in a blocker of its own, and reach some milestones
only now and then.

The idea: a run shows an effect if a milestone is missing that most runs of the whole experiment reach, or a fatal blocker
appears that most of them do not have. What appears is what the unit holds back. How many runs it takes to believe it is the tally's
business.

What this module must not do: run anything.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Literal

import attrs

from runner.core.agenda import measured
from runner.core.cell import Attempt, CellOutcome
from runner.core.milestones import MILESTONES
from runner.core.tally import Tally

Standing = Literal["needed", "no longer needed", "undecided"]


_ORDER: dict[str, int] = {name: index for index, name in enumerate(MILESTONES)}


@attrs.frozen(kw_only=True)
class Baseline:
    """What the whole experiment does, from all its runs.

    Attributes:
        reached: Milestones that most runs reached.
        fatal: Fatal blockers that most runs had.
        degrading: The others, in any run.
        runs: How many.
    """

    reached: frozenset[str]
    fatal: frozenset[str]
    degrading: frozenset[str]
    runs: int


@attrs.frozen(kw_only=True)
class Effect:
    """What taking something away showed in one run; nothing at all when all are empty.

    Attributes:
        lost: The lowest milestone that was missing; empty for none.
        holds_back: Fatal blockers that appeared.
    """

    lost: str = ""
    holds_back: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there was any."""
        return bool(self.lost or self.holds_back)


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        taken: The unit that was taken away, or the pair.
        standing: ``needed`` when its loss shows.
        shown: How many runs showed an effect, of how many.
        holds_back: Fatal blockers that appeared in those, each once.
        lost: Milestones that were missing in those.
        degrades: Blockers that are not fatal and appeared in every run without it and in none with it.
    """

    taken: tuple[str, ...]
    standing: Standing
    shown: Tally
    holds_back: tuple[str, ...] = ()
    lost: str = ""
    degrades: tuple[str, ...] = ()


def baseline_of(attempts: Iterable[Attempt]) -> Baseline | None:
    """The baseline from the runs of the whole experiment; None when none of them measured anything."""
    outcomes = [attempt.outcome for attempt in attempts if measured(attempt)]
    if not outcomes:
        return None
    return Baseline(
        reached=_mostly(outcome.milestones for outcome in outcomes),
        fatal=_mostly(outcome.fatal for outcome in outcomes),
        degrading=frozenset(name for outcome in outcomes for name in outcome.degrading),
        runs=len(outcomes),
    )


def _mostly(names: Iterable[Iterable[str]]) -> frozenset[str]:
    runs = [set(one) for one in names]
    counts = Counter(name for one in runs for name in one)
    return frozenset(name for name, count in counts.items() if 2 * count > len(runs))


def effect(outcome: CellOutcome, baseline: Baseline) -> Effect:
    """What one run without something shows."""
    missing = [name for name in MILESTONES if name in baseline.reached and name not in outcome.milestones]
    appeared = tuple(name for name in outcome.fatal if name not in baseline.fatal)
    return Effect(lost=missing[0] if missing else "", holds_back=appeared)


def row(taken: Sequence[str], attempts: Iterable[Attempt], baseline: Baseline, lead: int) -> Row:
    """The line for what was taken away, from the runs without it."""
    outcomes = [attempt.outcome for attempt in attempts if measured(attempt)]
    effects = [effect(outcome, baseline) for outcome in outcomes]
    shown = Tally(sum(map(bool, effects)), len(effects) - sum(map(bool, effects)))
    answer = shown.answer(lead)
    lost = [one.lost for one in effects if one.lost]
    degrading = [frozenset(outcome.degrading) for outcome in outcomes]
    return Row(
        taken=tuple(taken),
        standing="undecided" if answer is None else "needed" if answer else "no longer needed",
        shown=shown,
        holds_back=tuple(dict.fromkeys(name for one in effects for name in one.holds_back)),
        lost=min(lost, key=_ORDER.__getitem__) if lost else "",
        degrades=tuple(sorted(frozenset.intersection(*degrading) - baseline.degrading)) if degrading else (),
    )


def pairs_worth_trying(rows: Iterable[Row]) -> tuple[tuple[str, str], ...]:
    """Pairs of units that can each be spared: of two that stand in for each other, neither is missed alone."""
    return tuple(combinations((one.taken[0] for one in rows if one.standing == "no longer needed"), 2))
