"""What a search found, for a terminal, and where it is while it goes on."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.core.counted import counted
from runner.formats.searched import Found
from runner.search.trials import Progress

STYLES = {"needed": "green", "no longer needed": "yellow", "undecided": "red", "can be spared": "dim"}


def print_found(console: Console, found: Found) -> None:
    """Title, answer, table."""
    console.print(Text(found.title, style="bold"))
    console.print(Text(found.answer))
    if not found.rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in found.headings:
        table.add_column(heading, overflow="fold")
    for row in found.rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console.print(table)


def progress_line(at: Progress) -> str:
    """One line before each run: what is asked, what is known, how long."""
    known = f", {at.tally} so far" if at.tally.runs else ""
    left = f", {at.left_s:.0f} s left" if at.left_s is not None else ""
    return f"{at.question}{known} ({counted(at.made, 'run')} made, {at.elapsed_s:.0f} s{left})"
