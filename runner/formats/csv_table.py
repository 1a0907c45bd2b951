"""Comparisons and runs as CSV, long form: one value a line, for spreadsheets and data frames.

What this module must not do: leave a cell that a spreadsheet would run as a formula.
"""

import csv
import io
from collections.abc import Iterable

from runner.core.compared import Comparison
from runner.model.result import RunResult

HEADINGS = ("section", "id", "side", "state", "mark", "n", "median", "low", "high", "unit", "ratio")
RESULT_HEADINGS = ("run_id", "experiment", "section", "id", "state", "at_s", "count", "text")


def comparison_to_csv(comparison: Comparison) -> str:
    """One line for each thing and side."""
    labels = [side.label for side in comparison.sides]
    lines: list[tuple[object, ...]] = []
    for row in comparison.rows:
        lines += [
            (row.kind, row.id, label, state, mark, "", "", "", "", "", "")
            for label, state, mark in zip(labels, row.states, row.marks, strict=True)
        ]
    for time in comparison.times:
        for label, spread, mark, ratio in zip(labels, time.spreads, time.marks, time.ratios, strict=True):
            numbers = (spread.n, spread.median, spread.low, spread.high) if spread else (0, "", "", "")
            lines.append(
                ("time", time.id, label, "", mark, *numbers, time.unit, "" if ratio is None else round(ratio, 4))
            )
    for fact in comparison.environment:
        lines += [
            ("environment", fact.key, label, value, "differs", "", "", "", "", "", "")
            for label, value in zip(labels, fact.values, strict=True)
        ]
    return _text(HEADINGS, lines)


def results_to_csv(results: Iterable[RunResult]) -> str:
    """One line for each milestone, blocker and assertion of each run."""
    lines: list[tuple[object, ...]] = []
    for result in results:
        head = (result.run_id, f"exp{result.experiment.number:02d}")
        lines.append((*head, "verdict", "verdict", result.verdict, "", "", result.ended_by.reason or ""))
        for rung in result.milestones:
            at_s = "" if rung.at_s is None else rung.at_s
            lines.append(
                (*head, "milestone", rung.id, "reached" if rung.reached else "not reached", at_s, "", rung.witness)
            )
        for b in result.blockers:
            state = "seen" if b.count else f"overcome by {b.resolved_by}"
            at_s = "" if b.first_seen_s is None else b.first_seen_s
            lines.append((*head, "blocker", b.id, state, at_s, b.count, b.line or b.evidence))
        lines += [(*head, "assertion", claim.id, claim.verdict, "", "", claim.evidence) for claim in result.assertions]
    return _text(RESULT_HEADINGS, lines)


def _text(headings: Iterable[str], lines: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([_safe(value) for value in line] for line in lines)
    return out.getvalue()


def _safe(value: object) -> object:
    # Spreadsheets run what begins so; an apostrophe before it makes it text again.
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
