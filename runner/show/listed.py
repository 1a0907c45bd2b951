"""The experiments and how each came out last."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.model.experiment import Experiment
from runner.show.table import MARKS
from runner.stored.history import Summary


def list_rows(
    experiments: Iterable[Experiment], runs: Sequence[Summary], baselines: Sequence[Summary]
) -> list[dict[str, Any]]:
    """Plain rows, for JSON and for the table: what each declares, its newest run, its baselines."""
    newest = {run.experiment: run for run in runs}
    return [
        {
            "number": experiment.number,
            "slug": experiment.slug,
            "question": experiment.question,
            "parent": experiment.parent,
            "change": experiment.change,
            "mechanism": experiment.mechanism,
            "target": experiment.target,
            "steps": [step.id for step in experiment.steps],
            "view_parts": list(experiment.view.parts),
            "runs": sum(run.experiment == experiment.name for run in runs),
            "newest": _short(newest.get(experiment.name)),
            "baselines": [_short(run) for run in baselines if run.experiment == experiment.name],
        }
        for experiment in experiments
    ]


def _short(run: Summary | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "started_at": run.started_at,
        "workload": run.workload,
        "state": run.state,
        "verdict": run.verdict,
        "as_expected": run.as_expected,
        "furthest": run.furthest,
        "blockers": list(run.blockers),
        "problem": run.problem,
    }


def print_list(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """A line an experiment."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold", ratio=3)
    table.add_column("", overflow="fold", ratio=2)
    for row in rows:
        table.add_row(f"exp{row['number']:02d}", row["slug"], row["question"], _state(row))
    console.print(table)


def _state(row: dict[str, Any]) -> Text:
    run = row["newest"] or next(iter(row["baselines"]), None)
    if run is None:
        return Text("never run", style="dim")
    if run["problem"]:
        return Text(run["problem"], style="red")
    if run["state"] != "finished":
        return Text("running, or killed", style="yellow")
    mark, style = MARKS[run["verdict"]]
    said, how = ("as expected", "green") if run["as_expected"] else ("not as expected", "red")
    where = "" if row["newest"] else ", baseline"
    return Text.assemble(
        (f"{mark} {run['verdict']}, ", style),
        (said, how),
        f"; {run['furthest'] or 'nothing reached'} ({run['workload']}{where})",
    )
