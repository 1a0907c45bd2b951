"""Progress of a campaign on stderr: a line for each attempt that ended, and on a terminal what goes on right now."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from runner.campaign.drive import Position
from runner.core.cell import Attempt
from runner.core.judge import Judge
from runner.model.events import AnyEvent, LineSeen
from runner.show.table import MARKS

MINUTE_S = 60
OTHER_ENDINGS = {"unavailable": "not to be had", "not-started": "the sandbox did not start"}


class CampaignView:
    """Draws one campaign."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._head = ""

    def tell(self, position: Position) -> None:
        """Say how the last attempt ended and what comes now."""
        if position.attempt is not None:
            self._console.print(Text.assemble(*_ended(position.attempt, position)), soft_wrap=True)
        elif position.finished:
            self._console.print(f"{position.finished} of {position.cells} cells were finished before", style="dim")
        if position.todo is not None:
            todo = position.todo
            self._head = (
                f"{left_words(position)}: {todo.cell.circumstances} ({todo.reason}, attempt {todo.number} of {todo.of})"
            )
            if not self._console.is_terminal:
                self._console.print(Text(self._head, style="dim"), soft_wrap=True)

    @contextmanager
    def run(self) -> Iterator["CampaignView"]:
        """Draw one attempt while it goes on."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(Text(self._head), console=self._console, refresh_per_second=4, transient=True) as live:
            self._live = live
            try:
                yield self
            finally:
                self._live = None

    def preparing(self, text: str, fraction: float | None) -> None:
        """Something is being found, downloaded or built."""
        self._draw(f"{text} {fraction:.0%}" if fraction is not None else text)

    def see(self, event: AnyEvent, judge: Judge) -> None:
        """Draw one event."""
        if isinstance(event, LineSeen):
            reached = next(reversed(judge.ledger.milestones), "nothing reached yet")
            self._draw(f"{event.at_s:.1f} s, {reached}: {event.text[:200]}")

    def _draw(self, text: str) -> None:
        if self._live is not None:
            lines = (Text(self._head, no_wrap=True, overflow="ellipsis"), Text("  " + text, style="dim", no_wrap=True))
            self._live.update(Text("\n").join(lines))


def left_words(position: Position) -> str:
    """``12/100 cells and 3 to confirm, 40 min left, 4 min of the budget``."""
    said = f"{position.finished}/{position.cells} cells"
    if position.doubted:
        said += f" and {position.doubted} to confirm"
    said += f", {duration(position.left_s)} left"
    if position.budget_left_s is not None and position.budget_left_s < position.left_s:
        said += f", {duration(position.budget_left_s)} of the budget"
    return said


def duration(seconds: float) -> str:
    """``40 s`` or ``12 min``."""
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE_S else f"{seconds / MINUTE_S:.0f} min"


def _ended(attempt: Attempt, position: Position) -> tuple[tuple[str, str], ...]:
    outcome = attempt.outcome
    mark, style = MARKS[outcome.verdict]
    if outcome.ending != "ran":
        said = f"{OTHER_ENDINGS[outcome.ending]}: {outcome.detail.splitlines()[0] if outcome.detail else ''}"
    else:
        said = f"{outcome.verdict}, {'as declared' if outcome.as_expected else 'not as declared'}"
        said += f"; {outcome.furthest or 'nothing reached'}"
        said += f"; {', '.join(outcome.fatal)}" if outcome.fatal else ""
    where = f"{position.finished}/{position.cells}"
    return (f"{where:>7}  ", "dim"), (f"{mark} ", style), (f"{attempt.cell}: {said}, {attempt.took_s:.0f} s", "")
