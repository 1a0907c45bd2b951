"""A run or a comparison as Markdown: for pull requests, job summaries, and issues upstream.

What this module must not do: trust text. A log line may hold pipes, back-ticks and HTML; inside a table it must stay one
cell and mean nothing.
"""

from collections.abc import Iterable, Sequence

from runner.core.compared import LEGEND, SYMBOLS, Comparison
from runner.core.gate import Gate
from runner.formats.searched import Found
from runner.formats.words import GATE_WORDS, furthest, headline, ratio_words, spread_words, transitions, where
from runner.model.result import RunResult

CELL = 200
VERDICT_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "error": "💥", "skipped": "⏭️"}


def result_to_markdown(result: RunResult) -> str:
    """One run: verdict, blockers, assertions, milestones, environment."""
    seen = [b for b in result.blockers if b.count]
    overcome = [b for b in result.blockers if not b.count]
    text = [
        f"## Experiment {result.experiment.number}: {cell(result.experiment.slug)}",
        "",
        cell(result.experiment.question),
        "",
        f"**{VERDICT_SIGNS[result.verdict]} {cell(headline(result))}**",
        "",
        f"Ended by {result.ended_by.reason or 'nothing yet'}: {code(result.ended_by.detail)}",
        "",
        f"{cell(where(result))}; furthest milestone {furthest(result)}; run `{result.run_id}`",
        "",
    ]
    if seen:
        rows = [
            (
                code(b.id),
                "fatal" if b.fatal else "degrades",
                b.component,
                f"{b.source}:{b.line_no}",
                b.advice,
                code(b.line),
            )
            for b in seen
        ]
        text += ["### Blockers", "", *table(("blocker", "", "component", "first at", "advice", "line"), rows), ""]
    if overcome:
        rows_overcome = [(code(b.id), b.resolved_by or "", code(b.evidence)) for b in overcome]
        text += ["### Overcome", "", *table(("blocker", "by", "evidence"), rows_overcome), ""]
    claims = [(VERDICT_SIGNS[claim.verdict], claim.claim, code(claim.evidence)) for claim in result.assertions]
    text += ["### Assertions", "", *table(("", "claim", "evidence"), claims), ""]
    rungs = [
        ("✅" if rung.reached else "", rung.id, f"{rung.at_s:.2f} s" if rung.at_s is not None else "", rung.witness)
        for rung in result.milestones
    ]
    text += ["### Milestones", "", *table(("", "milestone", "at", "witness"), rungs), ""]
    return "\n".join(text)


def comparison_to_markdown(comparison: Comparison, gates: Sequence[Gate] = ()) -> str:
    """A comparison: what the gate says first, then what changed, then times, then the environment."""
    labels = [side.label for side in comparison.sides]
    text = ["## Compared: " + " → ".join(cell(label) for label in labels), ""]
    for gate in gates:
        text += [f"**{cell(gate.side)}: {GATE_WORDS[gate.verdict]}**", ""]
        text += [f"- ❌ {cell(line)}" for line in gate.regressions]
        text += [f"- ✅ {cell(line)}" for line in gate.improvements]
        text += [f"- ❔ {cell(line)}" for line in gate.open_questions]
        text += [""]
    for heading, rows in transitions(comparison):
        if not rows:
            continue
        cells = [
            ("".join(SYMBOLS[m] for m in row.marks[1:]), f"{row.id}{' (fatal)' if row.fatal else ''}", *row.states)
            for row in rows
        ]
        text += [f"### {heading}", "", *table(("", heading.lower(), *labels), cells), ""]
    times = [
        (
            "".join(SYMBOLS[m] for m in row.marks[1:]),
            row.id,
            *(spread_words(spread, row.unit) for spread in row.spreads),
            *(ratio_words(row, side) for side in range(1, len(labels))),
        )
        for row in comparison.times
    ]
    if times:
        headings = ("", "from the workload's start", *labels, *(f"{label} against the first" for label in labels[1:]))
        text += ["### Times and costs", "", *table(headings, times), ""]
    if comparison.environment:
        facts = [
            (f"{row.key}{' (times not comparable)' if row.times else ''}", *row.values)
            for row in comparison.environment
        ]
        text += ["### Environment, where it differs", "", *table(("", *labels), facts), ""]
    text += [f"`{LEGEND}`", ""]
    return "\n".join(text)


def found_to_markdown(found: Found) -> str:
    """What a search found: the answer, and its table."""
    # Sentences of ours around names that the declaration checks; they may be long.
    return "\n".join([f"## {found.title}", "", found.answer, "", *table(found.headings, found.rows), ""])


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; what is not :class:`Safe` is made so."""
    lines = ["| " + " | ".join(cell(heading) for heading in headings) + " |", "|" + " --- |" * len(headings)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return lines


class Safe(str):
    """Markdown of our own making, which a table takes as it is."""

    __slots__ = ()


def cell(text: str) -> Safe:
    """Plain text that stays within a table's cell and means nothing."""
    if isinstance(text, Safe):
        return text
    one_line = " ".join(text.split())
    if len(one_line) > CELL:
        one_line = one_line[: CELL - 1] + "…"
    return Safe(one_line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'"))


def code(text: str) -> Safe:
    """A code span, whatever the text holds: the place for log lines, where ``@name`` calls nobody."""
    one_line = " ".join(text.split()).replace("`", "'")
    if len(one_line) > CELL:
        one_line = one_line[: CELL - 1] + "…"
    return Safe("`" + one_line.replace("|", "\\|") + "`" if one_line else "")
