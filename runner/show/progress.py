"""Live progress on stderr: preparations, steps, milestones, blockers and the last line, while a run goes on.

On a terminal the last line of the log is redrawn in place; elsewhere only what will matter later is printed, a line each.
"""

from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from runner.core.counted import counted
from runner.core.judge import Judge
from runner.model.events import (
    AnyEvent,
    HarnessFailed,
    Interrupted,
    LineSeen,
    PathRedirected,
    StepDone,
    WorkloadExited,
    WorkloadStarted,
)


class ProgressView:
    """Draws one run; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live("", console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._said_milestones: set[str] = set()
        self._said_blockers: set[str] = set()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self._live is not None:
            self._live.stop()

    def preparing(self, text: str, fraction: float | None) -> None:
        """Something is being found, downloaded or built; ``fraction`` is done, None when it is not known."""
        share = f" {fraction:.0%}" if fraction is not None else ""
        if self._live is not None:
            self._live.update(Text(f"  {text}{share}", style="dim"))
        elif fraction is None or fraction >= 1:
            self._say(Text(f"{text}{share}", style="dim"))

    def note(self, text: str) -> None:
        """A line that stays."""
        self._say(Text(text))

    def see(self, event: AnyEvent, judge: Judge) -> None:
        """Draw one event."""
        ledger = judge.ledger
        for milestone, here in ledger.milestones.items():
            if milestone not in self._said_milestones:
                self._said_milestones.add(milestone)
                self._say(self._stamped(here.at_s, "green", f"milestone {milestone} ({here.place})"))
        for name, blocker in ledger.blockers.items():
            if name not in self._said_blockers:
                self._said_blockers.add(name)
                style = "red" if blocker.rule.fatal else "yellow"
                word = "blocker" if blocker.rule.fatal else "degraded"
                self._say(
                    self._stamped(
                        blocker.first.at_s, style, f"{word} {name} ({blocker.first.place}): {blocker.first.text[:200]}"
                    )
                )
        match event:
            case StepDone(at_s=at_s, id=name, outcome=outcome, verified=verified, reason=reason):
                style = "red" if outcome.endswith("failed") else "dim"
                self._say(self._stamped(at_s, style, f"step {name}: {outcome} ({verified or reason})"))
            case WorkloadStarted(at_s=at_s, pid=pid):
                self._say(self._stamped(at_s, "bold", f"workload started, pid {pid} in the arena"))
            case WorkloadExited(at_s=at_s, code=code, signal=signal):
                self._say(self._stamped(at_s, "bold", f"workload ended: code {code}, signal {signal}"))
            case HarnessFailed(at_s=at_s, what=what):
                self._say(self._stamped(at_s, "red", what))
            case Interrupted(at_s=at_s, by=by):
                self._say(self._stamped(at_s, "yellow", f"interrupted: {by}; stopping and undoing"))
            case LineSeen(at_s=at_s, text=text) if self._live is not None:
                redirects = sum(ledger.redirects.values())
                tail = Text(
                    f"{at_s:7.2f}  {counted(ledger.log_lines, 'line')}, {counted(redirects, 'redirect')}  ",
                    style="dim",
                    no_wrap=True,
                    overflow="ellipsis",
                )
                tail.append(text[:300])
                self._live.update(tail)
            case PathRedirected() | _:
                pass

    def _stamped(self, at_s: float, style: str, text: str) -> Text:
        line = Text(f"{at_s:7.2f}  ", style="dim")
        line.append(text, style=style)
        return line

    def _say(self, text: Text) -> None:
        (self._live.console if self._live is not None else self._console).print(text, soft_wrap=True)
