"""The doctor's findings, for a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.doctor import Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "magenta"}


def print_checkup(console: Console, checks: tuple[Check, ...]) -> None:
    """Print one line a check, and what to do under those that are not ok."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row(Text(check.state, style=STYLES[check.state]), check.id, check.found)
        if check.todo:
            table.add_row("", "", Text(f"→ {check.todo}", style="bold"))
    console.print(table)
