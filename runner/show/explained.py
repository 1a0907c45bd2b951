"""What is known about blockers, for a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runner.core.blocker_rule import BlockerRule
from runner.formats.blocker_page import facts_of
from runner.stored.sightings import Sighting

WIDTH = 100
OUTCOMES = {"seen": "seen", "overcome": "overcome", "absent": "not there"}


def print_rule(console: Console, rule: BlockerRule, seen: Sequence[Sighting] = ()) -> None:
    """One blocker in full, and in which promoted results and versions of the matrix it stands."""
    parts: list[Text | Padding] = [Text(rule.id, style="bold red" if rule.fatal else "bold yellow")]
    for heading, text in facts_of(rule):
        parts += [Text(), Text(heading, style="bold"), Padding(Text(text), (0, 0, 0, 2))]
    for heading, lines in (("Upstream", rule.links), ("Seen in", rule.seen_in)):
        if lines:
            parts += [Text(), Text(heading, style="bold"), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]
    if seen:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for _ in range(4):
            table.add_column(overflow="fold")
        for one in seen:
            outcome = Text(OUTCOMES[one.outcome], style="yellow" if one.outcome == "seen" else "green")
            runs = f"{one.runs} runs" if one.runs > 1 else ""
            where = ", ".join(part for part in (one.baseline, runs, f"by {one.by}" if one.by else "") if part)
            table.add_row(outcome, one.workload, one.arena, where)
        parts += [
            Text(),
            Text("In versions, by the baselines and the matrix", style="bold"),
            Padding(table, (0, 0, 0, 2)),
        ]
    parts += [Text(), Text("Recognised by", style="bold"), Padding(Text(rule.pattern, style="dim"), (0, 0, 0, 2))]
    console.print(Group(*parts), width=min(console.width, WIDTH))


def print_all(console: Console, rules: Mapping[str, BlockerRule]) -> None:
    """All of them, a line each, fatal ones first."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("blocker", "component", "stands before", "what to do"):
        table.add_column(heading, overflow="fold")
    for rule in sorted(rules.values(), key=lambda rule: (not rule.fatal, rule.component, rule.id)):
        style = "red" if rule.fatal else "yellow"
        table.add_row(Text(rule.id, style=style), rule.component, rule.lies_before, rule.advice)
    console.print(table)
