"""Answers questions by running: repeats until a question is answered, keeps every run, stops when the time is up.

Every run is an attempt in the same journal as a campaign's, under ``results/searches``: what was run before, by whatever
search, is not run again, and a search that was killed goes on where it was. Several processes at one search share its runs:
what one is at is held, the next takes what is wanted next.

What this module must not do: decide which question comes next.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import attrs

from runner.campaign.drive import RunCell
from runner.campaign.journal import Journal
from runner.core.agenda import FIRST_GUESS_S, measured
from runner.core.cell import Attempt, Cell, CellOutcome
from runner.core.tally import Tally

DIRECTORY = "searches"
"""Below the results directory: runs of derived experiments must not pass for runs of the numbered one."""

# A run that measured nothing is tried again; so many in a row say that something is wrong with the ground, not with a set.
BROKEN_IN_A_ROW = 3

Stop = Literal["budget", "interrupted", "broken"]

Yes = Callable[[CellOutcome], bool]
"""What counts as yes."""


class SearchStoppedError(Exception):
    """The search cannot go on now; what it learned is kept, and the same command goes on from there.

    Attributes:
        stop: Why.
    """

    def __init__(self, stop: Stop, detail: str) -> None:
        super().__init__(detail)
        self.stop = stop


@attrs.frozen(kw_only=True)
class Progress:
    """Told before every run.

    Attributes:
        question: In words.
        tally: What the runs for it say so far.
        made: Runs made by this search now.
        elapsed_s: Since its start.
        left_s: What is left of the budget; None without one.
    """

    question: str
    tally: Tally
    made: int
    elapsed_s: float
    left_s: float | None


@attrs.frozen(kw_only=True)
class Wanted:
    """A cell of which a search wants one more run at least.

    Attributes:
        cell: What to run.
        question: In words, for people.
        tally: What the runs so far say.
    """

    cell: Cell
    question: str
    tally: Tally


@attrs.define(kw_only=True)
class Trials:
    """Runs cells until they have answers.

    Attributes:
        results: The results directory; runs go below its ``searches``.
        run_cell: Makes one attempt.
        lead: As in :mod:`runner.core.tally`.
        budget_s: No run is begun that is expected to end later, in seconds from the first question; None is no limit.
        tell: Told before every run.
        clock: Seconds from any zero.
    """

    results: Path
    run_cell: RunCell
    lead: int = 1
    budget_s: float | None = None
    tell: Callable[[Progress], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    _journal: Journal = attrs.field(init=False)
    _began: float = attrs.field(init=False)
    _known: frozenset[str] = attrs.field(init=False)
    _asked: set[str] = attrs.field(factory=set)
    _took_s: list[float] = attrs.field(factory=list)
    _broken: Counter[str] = attrs.field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        """Read what is known."""
        self._journal = Journal(self.results / DIRECTORY)
        self._known = frozenset(one.id for attempts in self._journal.attempts.values() for one in attempts)
        self._began = self.clock()

    @property
    def made(self) -> int:
        """Runs that were made for this search since it began, by whichever of its processes."""
        return sum(one.id not in self._known for name in self._asked for one in self._journal.attempts.get(name, ()))

    def attempts(self, cell: Cell) -> tuple[Attempt, ...]:
        """All attempts at a cell that measured something, oldest first."""
        return tuple(one for one in self._journal.attempts.get(cell.fingerprint, ()) if measured(one))

    def tally(self, cell: Cell, yes: Yes) -> Tally:
        """What the runs so far say."""
        tally = Tally()
        for attempt in self.attempts(cell):
            tally = tally.plus(yes=yes(attempt.outcome))
        return tally

    def answer(self, cell: Cell, yes: Yes) -> bool | None:
        """The answer; None while it takes more runs."""
        return self.tally(cell, yes).answer(self.lead)

    def pursue(self, wanted: Callable[[], Sequence[Wanted]]) -> None:
        """Run what is wanted, one after the other, until nothing is.

        Args:
            wanted: What it takes, from what is known by now; the most wanted first. The first that no other process is at is
                run; while others are at all of them, the first is waited for.

        Raises:
            SearchStoppedError: There is no answer yet; nothing is lost.
            StoreError: The journal cannot be written.
        """
        while todo := wanted():
            self._asked.update(one.cell.fingerprint for one in todo)
            if not any(self._take(one, wanted) for one in todo):
                with self._journal.claim(todo[0].cell.fingerprint, wait=True):
                    self._journal.refresh()

    def _take(self, one: Wanted, wanted: Callable[[], Sequence[Wanted]]) -> bool:
        """Run it, unless another process is at it; false then."""
        with self._journal.claim(one.cell.fingerprint) as held:
            if not held:
                return False
            # Whoever held it until a moment ago may have answered it, or made another question out of it.
            self._journal.refresh()
            still = next((now for now in wanted() if now.cell.fingerprint == one.cell.fingerprint), None)
            if still is not None:
                self._run(still)
            return True

    def _run(self, one: Wanted) -> None:
        elapsed_s = self.clock() - self._began
        left_s = None if self.budget_s is None else self.budget_s - elapsed_s
        if left_s is not None and left_s < self._estimate_s():
            raise SearchStoppedError("budget", f"{one.question}: no time left; the same command goes on from here")
        self.tell(Progress(question=one.question, tally=one.tally, made=self.made, elapsed_s=elapsed_s, left_s=left_s))
        attempt = self.run_cell(one.cell)
        if attempt is None:
            raise SearchStoppedError("interrupted", f"{one.question}: interrupted; the same command goes on from here")
        self._journal.add(attempt)
        self._took_s.append(attempt.took_s)
        name = one.cell.fingerprint
        self._broken[name] = 0 if measured(attempt) else self._broken[name] + 1
        if self._broken[name] >= BROKEN_IN_A_ROW:
            raise SearchStoppedError(
                "broken",
                f"{one.question}: {BROKEN_IN_A_ROW} runs in a row measured nothing; the last one: {attempt.outcome.detail}",
            )

    def _estimate_s(self) -> float:
        return sum(self._took_s) / len(self._took_s) if self._took_s else FIRST_GUESS_S
