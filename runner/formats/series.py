"""The series as a table in the report's form: for the terminal, and as a Markdown page.

A row of the stand-in says so in its first column: nobody may take it for a result about k3s.
"""

from collections.abc import Sequence

from runner.core.series import SeriesRow
from runner.formats.markdown import VERDICT_SIGNS, Safe, cell, table
from runner.formats.words import days

HEADINGS = ("experiment", "run time", "blockers hit", "furthest milestone", "verdict", "same outcome")
BEGIN = "<!-- series:begin, made by `nox -s series -- --page FILE` -->"
END = "<!-- series:end -->"


def series_words(row: SeriesRow) -> tuple[str, ...]:
    """One row as text, a text a heading."""
    name = f"{row.cell.experiment.number:02d} {row.cell.experiment.slug}"
    if row.cell.workload == "standin":
        name += " (stand-in)"
    if not row.attempts:
        return name, "", "", "", "not run", ""
    said = " or ".join(row.verdicts)
    said += ", as expected" if row.as_expected else ", not as expected"
    return (
        name,
        f"{row.run_s:.1f} s" if row.run_s is not None else "-",
        ", ".join(row.blockers) or "none",
        " or ".join(milestone or "none" for milestone in row.furthest),
        said,
        f"{row.same} of {len(row.attempts)}",
    )


def series_markdown(rows: Sequence[SeriesRow], where: Sequence[str], links: str | None = None) -> str:
    """The table with what it was measured on.

    Args:
        rows: The experiments.
        where: Lines about versions and machine.
        links: What leads from the page into the results directory, e.g. ``../results/``; None makes no links.
    """
    lines = table(HEADINGS, [_marked(row, links) for row in rows])
    return "\n".join([BEGIN, "", *(cell(line) for line in where), "", *lines, "", END, ""])


def measured_when(rows: Sequence[SeriesRow]) -> str:
    """``measured 2026-11-24 to 2026-11-25``: when the attempts of the table were made."""
    attempts = [attempt for row in rows for attempt in row.attempts]
    return f"measured {days(attempts)}" if attempts else "nothing measured yet"


def put_between_marks(page: str, block: str) -> str:
    """A page with its marked block replaced; a page without marks becomes the block."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        return f"# The series\n\n{block}"
    return before + block.removesuffix("\n") + after


def _marked(row: SeriesRow, links: str | None) -> tuple[str, ...]:
    name, *words = series_words(row)
    if not row.attempts:
        return name, *words
    newest = row.attempts[-1]
    if links is not None and newest.run:
        name = Safe(f"[{cell(name)}]({links}{newest.run}/result.json)")
    return name, *words[:3], f"{VERDICT_SIGNS[newest.outcome.verdict]} {words[3]}", words[4]
