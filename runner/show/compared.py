"""A comparison for a terminal: what the gate says last, where the eye is, and above it what changed and why."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.core.compared import LEGEND, SYMBOLS, Comparison, Mark
from runner.core.gate import Gate
from runner.formats.words import GATE_WORDS, ratio_words, spread_words, transitions

STYLES: dict[Mark, str] = {
    "same": "dim",
    "broke": "bold red",
    "fixed": "bold green",
    "appeared": "yellow",
    "vanished": "yellow",
    "flaky": "magenta",
    "unknown": "yellow",
    "differs": "cyan",
    "slower": "red",
    "faster": "green",
    "inconclusive": "yellow",
    "not-comparable": "dim",
}
GATE_STYLES = {
    "pass": "bold green",
    "regression": "bold red",
    "flaky": "bold magenta",
    "inconclusive": "bold yellow",
    "nothing-measured": "bold yellow",
    "harness-error": "bold red",
}


def print_comparison(console: Console, comparison: Comparison, gates: Sequence[Gate] = ()) -> None:
    """Print the whole page."""
    console.print(Group(*_page(comparison, gates)))


def _page(comparison: Comparison, gates: Sequence[Gate]) -> list[RenderableType]:
    page: list[RenderableType] = [_sides(comparison)]
    for heading, rows in transitions(comparison):
        if not rows:
            continue
        table = _table(heading, comparison)
        for row in rows:
            name = Text(row.id, style="bold" if row.fatal else "")
            table.add_row(
                _symbols(row.marks), name, *(Text(s, style=STYLES[m]) for s, m in _shown(row.states, row.marks))
            )
        page += [Text(), table]
    if comparison.times:
        page += [Text(), _times(comparison)]
    if comparison.environment:
        table = _table("Environment, where it differs", comparison)
        for fact in comparison.environment:
            table.add_row(Text("x" if fact.times else "", style="yellow"), fact.key, *fact.values)
        page += [Text(), table]
        if any(fact.times for fact in comparison.environment):
            page.append(Text("x: because of this, times are not comparable", style="dim"))
    page += [Text(), Text(LEGEND, style="dim")]
    for gate in gates:
        page += [Text(), *_gate(gate)]
    return page


def _shown(states: Sequence[str], marks: Sequence[Mark]) -> list[tuple[str, Mark]]:
    return list(zip(states, marks, strict=True))


def _gate(gate: Gate) -> list[RenderableType]:
    lines = Table.grid(padding=(0, 1, 0, 0))
    for symbol, style, said in (
        ("  !", "red", gate.regressions),
        ("  *", "green", gate.improvements),
        ("  ?", "yellow", gate.open_questions),
    ):
        for line in said:
            lines.add_row(Text(symbol, style=style), Text(line, style=style))
    return [Text(f"{gate.side}: {GATE_WORDS[gate.verdict]}", style=GATE_STYLES[gate.verdict]), lines]


def _sides(comparison: Comparison) -> Table:
    table = _table("Compared", comparison)
    table.add_row("", "experiment", *(side.experiment for side in comparison.sides))
    table.add_row("", "workload", *(side.workload for side in comparison.sides))
    table.add_row("", "runs", *(_runs(side.runs, side.left_out) for side in comparison.sides))
    return table


def _runs(runs: Sequence[str], left_out: Sequence[str]) -> str:
    shown = runs[0] if len(runs) == 1 else f"{len(runs)} runs"
    return f"{shown}; left out: {'; '.join(left_out)}" if left_out else shown


def _times(comparison: Comparison) -> Table:
    table = _table("Times from the workload's start, and costs", comparison)
    for side in comparison.sides[1:]:
        table.add_column(f"{side.label} / first" if len(comparison.sides) > 2 else "ratio", justify="right")  # noqa: PLR2004
    for row in comparison.times:
        ratios = (Text(ratio_words(row, i), style=STYLES[row.marks[i]]) for i in range(1, len(comparison.sides)))
        table.add_row(_symbols(row.marks), row.id, *(spread_words(s, row.unit) for s in row.spreads), *ratios)
    return table


def _table(title: str, comparison: Comparison) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("", overflow="fold")
    for side in comparison.sides:
        table.add_column(side.label, overflow="fold")
    return table


def _symbols(marks: Sequence[Mark]) -> Text:
    text = Text()
    for mark in marks[1:]:
        text.append(SYMBOLS[mark], style=STYLES[mark])
    return text
