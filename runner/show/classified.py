"""What ``classify`` found, for a terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runner.core.counted import counted
from runner.recorded.classify import ClassifiedLog, FoundBlocker

SHOWN = 300


def print_classified(console: Console, found: ClassifiedLog) -> None:
    """Print one log's milestones, then its blockers, fatal ones first, each with advice and the line that shows it."""
    console.print(
        Text(
            f"{found.name}: {counted(found.lines, 'line')}, furthest milestone {found.furthest or 'none'}", style="bold"
        )
    )
    rungs = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for rung in found.milestones:
        rungs.add_row(Text("✓", style="green"), rung.id, f"{rung.at_s:.2f} s", f"line {rung.line_no}")
    console.print(Padding(rungs, (0, 0, 0, 2), expand=False))
    if not found.blockers:
        console.print("  no blocker seen")
        return
    ordered = sorted(found.blockers, key=lambda blocker: not blocker.fatal)
    for blocker in ordered:
        _print_blocker(console, blocker)
    console.print(Text(f"\nrunner explain {ordered[0].id} says more, and so for the others", style="dim"))


def _print_blocker(console: Console, blocker: FoundBlocker) -> None:
    word, style = ("fatal", "red") if blocker.fatal else ("degrades", "yellow")
    times = f", {blocker.count} times" if blocker.count > 1 else ""
    head = Text.assemble(
        "\n", (word, style), "  ", (blocker.id, "bold"), f"  {blocker.component}, line {blocker.line_no}{times}"
    )
    console.print(Padding(head, (0, 0, 0, 2), expand=False))
    console.print(Padding(Text(f"→ {blocker.advice}"), (0, 0, 0, 4), expand=False))
    line = blocker.line if len(blocker.line) <= SHOWN else f"{blocker.line[:SHOWN]}…"
    console.print(Padding(Text(line, style="dim"), (0, 0, 0, 4), expand=False))
