"""The cells of a matrix, one line each."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from runner.core.agenda import Attempts
from runner.core.cell import agreement
from runner.core.matrix import Plan


def matrix_rows(plan: Plan, done: Attempts) -> list[dict[str, Any]]:
    """Plain rows, for JSON and for the table."""
    rows: list[dict[str, Any]] = []
    for one in plan.placed:
        attempts = tuple(done.get(one.cell.fingerprint, ()))
        outcome = attempts[-1].outcome if attempts else None
        same, of = agreement(attempts)
        rows.append(
            {
                "experiment": one.cell.experiment.name,
                "runsc": one.column.build.name,
                "workload": str(one.column.workload),
                "platform": one.cell.platform,
                "mechanism": one.cell.mechanism,
                "without": list(one.cell.without),
                "fingerprint": one.cell.fingerprint,
                "attempts": of,
                "same": same,
                "outcome": "not run"
                if outcome is None
                else outcome.verdict
                if outcome.ending == "ran"
                else outcome.ending,
                "furthest": outcome.furthest if outcome else "",
                "fatal": list(outcome.fatal) if outcome else [],
                "run": attempts[-1].run if attempts else "",
                "reason": "",
            }
        )
    rows += [
        {
            "experiment": place.experiment,
            "runsc": place.column.build.name,
            "workload": str(place.column.workload),
            "platform": place.column.platform,
            "mechanism": place.column.mechanism,
            "outcome": "no cell",
            "reason": place.reason,
        }
        for place in plan.impossible
    ]
    return rows


def print_matrix(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """A line a cell."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for row in rows:
        said = row["reason"] or " ".join([row.get("furthest", ""), *row.get("fatal", ())])
        same = f"{row['same']} of {row['attempts']}" if row.get("attempts") else ""
        without = f"without {', '.join(row['without'])}" if row.get("without") else ""
        table.add_row(
            row["experiment"], row["runsc"], row["workload"], row["mechanism"], without, row["outcome"], same, said
        )
    console.print(table)
