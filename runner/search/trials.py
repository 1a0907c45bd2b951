"""Answers questions by running: repeats until a question is answered, keeps every run, stops when the time is up.

Every run is an attempt in the same journal as a campaign's, under ``results/searches``: what was run before, by whatever
search, is not run again, and a search that was killed goes on where it was.

What this module must not do: decide which question comes next.
"""

import time
from collections.abc import Callable
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

Stop = Literal["budget", "interrupted", "broken", "elsewhere"]


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
    made: int = 0
    _journal: Journal = attrs.field(init=False)
    _began: float = attrs.field(init=False)
    _took_s: list[float] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        """Read what is known."""
        self._journal = Journal(self.results / DIRECTORY)
        self._began = self.clock()

    def attempts(self, cell: Cell) -> tuple[Attempt, ...]:
        """All attempts at a cell that measured something, oldest first."""
        return tuple(one for one in self._journal.attempts.get(cell.fingerprint, ()) if measured(one))

    def tally(self, cell: Cell, yes: Callable[[CellOutcome], bool]) -> Tally:
        """What the runs so far say."""
        tally = Tally()
        for attempt in self.attempts(cell):
            tally = tally.plus(yes=yes(attempt.outcome))
        return tally

    def settle(self, cell: Cell, yes: Callable[[CellOutcome], bool], question: str) -> bool:
        """The answer, after as many runs as it takes.

        Args:
            cell: What to run.
            yes: What counts as yes.
            question: In words, for people.

        Raises:
            SearchStoppedError: There is no answer yet; nothing is lost.
            StoreError: The journal cannot be written.
        """
        while (answer := self.tally(cell, yes).answer(self.lead)) is None:
            self._measure(cell, self.tally(cell, yes), question)
        return answer

    def gather(self, cell: Cell, runs: int, question: str) -> None:
        """Make sure that there are so many attempts that measured something, without asking them anything.

        Raises:
            SearchStoppedError: As :meth:`settle`.
            StoreError: As :meth:`settle`.
        """
        while len(done := self.attempts(cell)) < runs:
            self._measure(cell, Tally(yes=len(done)), question)

    def _measure(self, cell: Cell, tally: Tally, question: str) -> None:
        """Run until something was measured, but not for ever."""
        detail = ""
        for _ in range(BROKEN_IN_A_ROW):
            attempt = self._run(cell, tally, question)
            if measured(attempt):
                return
            detail = attempt.outcome.detail
        raise SearchStoppedError(
            "broken", f"{question}: {BROKEN_IN_A_ROW} runs in a row measured nothing; the last one: {detail}"
        )

    def _run(self, cell: Cell, tally: Tally, question: str) -> Attempt:
        elapsed_s = self.clock() - self._began
        left_s = None if self.budget_s is None else self.budget_s - elapsed_s
        if left_s is not None and left_s < self._estimate_s():
            raise SearchStoppedError("budget", f"{question}: no time left; the same command goes on from here")
        self.tell(Progress(question=question, tally=tally, made=self.made, elapsed_s=elapsed_s, left_s=left_s))
        with self._journal.claim(cell.fingerprint) as held:
            if not held:
                raise SearchStoppedError("elsewhere", f"{question}: another search is at this very run; wait for it")
            attempt = self.run_cell(cell)
            if attempt is None:
                raise SearchStoppedError("interrupted", f"{question}: interrupted; the same command goes on from here")
            self._journal.add(attempt)
        self.made += 1
        self._took_s.append(attempt.took_s)
        return attempt

    def _estimate_s(self) -> float:
        return sum(self._took_s) / len(self._took_s) if self._took_s else FIRST_GUESS_S
