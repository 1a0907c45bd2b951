"""The series' table: on the terminal, as JSON, and as a block in a Markdown page.

What this module must not do: run anything.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.core.codec import to_plain
from runner.core.series import SeriesRow
from runner.formats.series import HEADINGS, measured_when, put_between_marks, series_markdown, series_words
from runner.pages.reporting import write_report
from runner.runs import Ground, tool_version


def where_words(rows: Sequence[SeriesRow], ground: Ground) -> list[str]:
    """When, with what and on what the table was measured."""
    place = " ".join(
        part for part in (ground.kind, ground.runsc.version if ground.runsc else "", ground.platform) if part
    )
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    machine = f"{os.cpu_count()} processors, {memory_gib:.0f} GiB, Linux {os.uname().release}"
    measured = f"{measured_when(rows)} with runner {tool_version()} on {machine}"
    lines = [f"{ground.workload.kind} {ground.workload.version} in {place}; {measured}."]
    if ground.workload.kind == "standin":
        lines.append("Every row is the stand-in, which is not k3s: only the sandbox's own answers are real.")
    return lines


def print_series(rows: Sequence[SeriesRow], where: Sequence[str], form: str, console: Console) -> None:
    """The table on stdout, in one of the formats ``text``, ``markdown`` and ``json``."""
    if form == "json":
        document = {"where": list(where), "rows": [_plain(row) for row in rows]}
        console.file.write(json.dumps(document, indent=2) + "\n")
        return
    if form == "markdown":
        console.file.write(series_markdown(rows, where))
        return
    for line in where:
        console.print(line, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*series_words(row))
    console.print(table)


def write_series(page: Path, rows: Sequence[SeriesRow], where: Sequence[str], results: Path) -> None:
    """Put the table between the marks of a page, or make the page.

    Raises:
        StoreError: The page cannot be written.
    """
    there = page.read_text(encoding="utf-8") if page.is_file() else ""
    way = Path(os.path.relpath(results, page.parent)).as_posix()
    links = "" if way == "." else f"{way}/"
    write_report(page, put_between_marks(there, series_markdown(rows, where, links)))


def _plain(row: SeriesRow) -> dict[str, object]:
    return {
        "experiment": row.cell.experiment.name,
        "slug": row.cell.experiment.slug,
        "standin": row.cell.workload == "standin",
        "run_s": row.run_s,
        "blockers": list(row.blockers),
        "furthest": list(row.furthest),
        "verdicts": list(row.verdicts),
        "as_expected": row.as_expected,
        "same": row.same,
        "of": len(row.attempts),
        "attempts": to_plain(row.attempts),
    }
