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
from runner.core.matrix import Plan
from runner.core.status import status
from runner.formats.status import sections, status_markdown
from runner.host.store import StoreError, read_result
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
        StoreError: Something cannot be read or written.
        FormatError: A directory holds something else than attempts.
    """
    found = gathered(directories)
    wanted = {one.cell.fingerprint for one in plan.placed}
    shown = [attempt for name, attempts in found.done.items() if name in wanted for attempt in attempts]
    runs = [path for attempt in shown if (path := found.result(attempt)) is not None]
    parts = sections(
        status(plan, found.done, found.facts), lambda attempt: found.link(attempt, out.parent), _machines(runs)
    )
    made = _made(plan, found.done)
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
    return [f"{count} runs on a machine with {machine}." for machine, count in machines.most_common()]


def _made(plan: Plan, done: dict[str, list[Attempt]]) -> str:
    cells = [one.cell for one in plan.placed]
    ours = [attempt for cell in cells for attempt in done.get(cell.fingerprint, ())]
    counts = tally(cells, done)
    said = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    days = sorted(attempt.finished_at[:10] for attempt in ours)
    when = f"{days[0]} to {days[-1]}" if days else "none yet"
    today = dt.datetime.now(dt.UTC).date().isoformat()
    tools = f"Made {today} by runner {tool_version()} from {len(ours)} runs, {when}"
    return f"{tools}: {len(cells)} cells, {said}."
