"""What an experiment declares, for a terminal: it reads like a lab note."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.core.prepare import kind_of
from runner.model.experiment import Experiment
from runner.model.fault import describe


def print_declaration(console: Console, experiment: Experiment) -> None:
    """Print question, change, steps, view, assertions and the expected outcome."""
    console.print(Text(f"Experiment {experiment.number}: {experiment.slug}", style="bold"))
    parent = f"exp{experiment.parent:02d}" if experiment.parent is not None else "none"
    target = f"{experiment.target}, held {experiment.hold_s:g} s, within {experiment.deadline_s:g} s"
    other_targets = [
        (f"on {', '.join(goal.workloads)}", f"{goal.target}, held {goal.hold_s:g} s: {goal.reason}")
        for goal in experiment.other_goals
    ]
    for name, text in (
        ("question", experiment.question),
        ("parent", parent),
        ("the one change", experiment.change),
        ("refuted by", experiment.refuted_by),
        ("mechanism", experiment.mechanism),
        ("target", target),
        *other_targets,
    ):
        console.print(f"[dim]{name:>15}[/]  ", Text(text), sep="")
    for fault in experiment.faults:
        console.print("[dim]          fault[/]  ", Text(f"{describe(fault)}. {fault.reason}"), sep="")
    steps = [(step.id, kind_of(step), ", ".join(step.holds_back), step.reason) for step in experiment.steps]
    merged = "the view's files first, the real ones behind them"
    view = [(f"{tree.prefix}/**", tree.part, "merged", merged) for tree in experiment.view.trees]
    view += [(file.path, file.part, repr(file.content), file.reason) for file in experiment.view.files]
    claims = [(claim.id, type(claim).__name__.lower(), claim.claim) for claim in experiment.assertions]
    outcomes = [
        (
            ", ".join(expected.workloads) or "any",
            expected.verdict,
            expected.ended_by,
            ", ".join(expected.blockers) or "none",
            expected.reaches or "",
        )
        for expected in experiment.expected
    ]
    console.print(_rows("Steps", ("id", "kind", "holds back", "reason"), steps))
    console.print(_rows("View", ("path", "part", "content", "reason"), view))
    console.print(_rows("Assertions", ("id", "kind", "claim"), claims))
    console.print(_rows("Expected today", ("workload", "verdict", "ended by", "fatal blockers", "reaches"), outcomes))


def _rows(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
