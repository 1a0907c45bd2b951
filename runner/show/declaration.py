"""What an experiment declares, for a terminal: it reads like a lab note."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.core.prepare import kind_of
from runner.model.experiment import Experiment


def print_declaration(console: Console, experiment: Experiment) -> None:
    """Print question, change, steps, view, assertions and the expected outcome."""
    console.print(Text(f"Experiment {experiment.number}: {experiment.slug}", style="bold"))
    parent = f"exp{experiment.parent:02d}" if experiment.parent is not None else "none"
    target = f"{experiment.target}, held {experiment.hold_s:g} s, within {experiment.deadline_s:g} s"
    for name, text in (
        ("question", experiment.question),
        ("parent", parent),
        ("the one change", experiment.change),
        ("refuted by", experiment.refuted_by),
        ("mechanism", experiment.mechanism),
        ("target", target),
    ):
        console.print(f"[dim]{name:>15}[/]  ", Text(text), sep="")
    console.print(_rows("Steps", ("id", "kind", "holds back", "reason"), [
        (step.id, kind_of(step), ", ".join(step.holds_back), step.reason) for step in experiment.steps
    ]))  # fmt: skip
    console.print(_rows("View", ("path", "part", "content", "reason"), [
        *((f"{tree.prefix}/**", tree.part, "merged", "the view's files first, the real ones behind them") for tree in experiment.view.trees),
        *((file.path, file.part, repr(file.content), file.reason) for file in experiment.view.files),
    ]))  # fmt: skip
    console.print(_rows("Assertions", ("id", "kind", "claim"), [
        (assertion.id, type(assertion).__name__.lower(), assertion.claim) for assertion in experiment.assertions
    ]))  # fmt: skip
    console.print(_rows("Expected today", ("workload", "verdict", "ended by", "fatal blockers", "reaches"), [
        (", ".join(expected.workloads) or "any", expected.verdict, expected.ended_by, ", ".join(expected.blockers) or "none", expected.reaches or "")
        for expected in experiment.expected
    ]))  # fmt: skip


def _rows(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
