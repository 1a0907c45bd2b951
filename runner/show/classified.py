"""What ``classify`` found, for a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.classify import ClassifiedLog


def print_classified(console: Console, found: ClassifiedLog) -> None:
    """Print one log's milestones and blockers."""
    console.print(
        Text(f"{found.name}: {found.lines} lines, furthest milestone {found.furthest or 'none'}", style="bold")
    )
    rungs = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for rung in found.milestones:
        rungs.add_row(Text("✓", style="green"), rung.id, f"{rung.at_s:.2f} s", f"line {rung.line_no}")
    console.print(rungs)
    if not found.blockers:
        console.print("  no blocker seen")
        return
    table = Table(box=None, padding=(0, 2, 0, 2))
    for heading in ("blocker", "", "line", "advice", "evidence"):
        table.add_column(heading, overflow="fold")
    for blocker in found.blockers:
        word = Text("fatal", style="red") if blocker.fatal else Text("degrades", style="yellow")
        times = f" ({blocker.count} times)" if blocker.count > 1 else ""
        table.add_row(blocker.id, word, f"{blocker.line_no}{times}", blocker.advice, blocker.line[:200])
    console.print(table)
