"""The status page of a matrix, from attempts in one or more results directories.

What this module must not do: run anything.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runner.core.agenda import tally
from runner.core.cell import Attempt
from runner.core.codec import FormatError
from runner.core.counted import counted
from runner.core.matrix import Plan
from runner.core.status import status
from runner.formats.status import sections, status_markdown
from runner.formats.words import days
from runner.host.store import NoSuchRunError, StoreError, read_result
from runner.pages.attempts import gathered
from runner.pages.reporting import write_report
from runner.report.page import status_page
from runner.runs import tool_version


def write_status(plan: Plan, directories: Sequence[Path], out: Path) -> tuple[Path, Path]:
    """Write the page as Markdown and, beside it, as HTML.

    Args:
        plan: The matrix.
        directories: Results directories; an attempt is linked in the first that has it.
        out: The Markdown page.

    Raises:
        NoSuchRunError: No cell of the matrix has an attempt in them; nothing is written.
        StoreError: Something cannot be read or written.
        FormatError: A directory holds something else than attempts.
    """
    found = gathered(directories)
    wanted = {one.cell.fingerprint for one in plan.placed}
    shown = [attempt for name, attempts in found.done.items() if name in wanted for attempt in attempts]
    if not shown:
        where = ", ".join(str(directory) for directory in directories)
        raise NoSuchRunError(f"{where}: no attempt at a cell of this matrix; run it first, or choose --results DIR")
    runs = [path for attempt in shown if (path := found.result(attempt)) is not None]
    parts = sections(
        status(plan, found.done, found.facts), lambda attempt: found.link(attempt, out.parent), _machines(runs)
    )
    made = _made(plan, found.done, shown)
    return (
        write_report(out, status_markdown(parts, made)),
        write_report(out.with_suffix(".html"), status_page(parts, made)),
    )


def _machines(runs: Sequence[Path]) -> list[str]:
    """On what and with what the runs were made; a run that cannot be read says nothing."""
    machines: Counter[str] = Counter()
    for path in runs:
        with suppress(StoreError, FormatError):
            known = read_result(path).environment
            words = (f"{known.get('cpus', '?')} processors", known.get("memory", ""), known.get("machine", ""))
            machines[", ".join(word for word in (*words, f"Linux {known.get('machine_kernel', '?')}") if word)] += 1
    return [f"{counted(count, 'run')} on a machine with {machine}." for machine, count in machines.most_common()]


def _made(plan: Plan, done: dict[str, list[Attempt]], shown: Sequence[Attempt]) -> str:
    cells = [one.cell for one in plan.placed]
    counts = tally(cells, done)
    said = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    today = dt.datetime.now(dt.UTC).date().isoformat()
    tools = f"Made {today} by runner {tool_version()} from {counted(len(shown), 'run')}, {days(shown)}"
    return f"{tools}: {len(cells)} cells, {said}."
