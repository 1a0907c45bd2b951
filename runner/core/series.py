"""The series: every experiment once, as the comparison table of the original's report has them.

What this module must not do: lay anything out.
"""

from collections.abc import Iterable, Sequence
from statistics import median

import attrs

from runner.core.agenda import Attempts
from runner.core.cell import Attempt, Cell, agreement


@attrs.frozen(kw_only=True)
class SeriesRow:
    """One experiment.

    Attributes:
        cell: What was to be run.
        attempts: All that were made, oldest first; none when it was not run.
        run_s: Median of the workload's running times; None when it never ran.
        blockers: Fatal blockers of the newest attempt, then those that only other attempts hit.
        furthest: Furthest milestones, the most frequent one first; several where attempts disagree.
        verdicts: Likewise.
        as_expected: Whether every attempt came out as declared.
        same: How many attempts came out like the most frequent outcome.
    """

    cell: Cell
    attempts: tuple[Attempt, ...]
    run_s: float | None
    blockers: tuple[str, ...]
    furthest: tuple[str, ...]
    verdicts: tuple[str, ...]
    as_expected: bool
    same: int

    @property
    def flaky(self) -> bool:
        """Whether attempts disagree."""
        return self.same < len(self.attempts)


def series_rows(cells: Iterable[Cell], done: Attempts) -> tuple[SeriesRow, ...]:
    """One row a cell, in their order."""
    return tuple(_row(cell, tuple(done.get(cell.fingerprint, ()))) for cell in cells)


def _row(cell: Cell, attempts: tuple[Attempt, ...]) -> SeriesRow:
    outcomes = [attempt.outcome for attempt in attempts]
    times = [outcome.run_s for outcome in outcomes if outcome.run_s]
    newest_first = outcomes[::-1]
    return SeriesRow(
        cell=cell,
        attempts=attempts,
        run_s=median(times) if times else None,
        blockers=tuple(dict.fromkeys(blocker for outcome in newest_first for blocker in outcome.fatal)),
        furthest=_by_frequency([outcome.furthest for outcome in outcomes]),
        verdicts=_by_frequency(
            [outcome.verdict if outcome.ending == "ran" else outcome.ending for outcome in outcomes]
        ),
        as_expected=bool(outcomes) and all(outcome.as_expected for outcome in outcomes),
        same=agreement(attempts)[0],
    )


def _by_frequency(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(values), key=lambda value: -values.count(value)))
