"""One result as a terminal page, in the form of the report that the project started from.

Blocker, solution, status, evidence; then the claims, how far it got, and what ended it.
"""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runner.core.counted import counted
from runner.model.result import RunResult

MARKS = {
    "pass": ("✓", "green"),
    "fail": ("✗", "red"),
    "inconclusive": ("?", "yellow"),
    "error": ("!", "red bold"),
    "skipped": ("-", "dim"),
}
# The few calls that nearly all stops are about.
MOST_CALLS = 3
EVIDENCE_WIDTH = 160


def print_result(console: Console, result: RunResult, directory: str) -> None:
    """Print the whole page."""
    console.print(Group(*_page(result, directory)))


def headline(result: RunResult) -> Text:
    """Verdict, and whether it is what was expected, in one line."""
    mark, style = MARKS[result.verdict]
    text = Text()
    text.append(f"{mark} exp{result.experiment.number:02d} {result.verdict}", style=f"bold {style}")
    if result.as_expected:
        text.append(", as expected", style="bold green")
    else:
        text.append(f", not as expected: {'; '.join(result.differences)}", style="bold red")
    return text


def _page(result: RunResult, directory: str) -> list[RenderableType]:
    experiment, workload, arena = result.experiment, result.workload, result.arena
    where = " ".join(part for part in (arena.kind, arena.runsc_version, arena.platform) if part)
    what = (
        f"{workload.kind} {workload.version} in {where}, kernel {arena.kernel or '?'}, root {arena.root_filesystem or '?'},"
        f" mechanism {result.interception.mechanism}"
    )
    if workload.kind == "replay":
        what = f"replay of {', '.join(workload.command)}: judged, not run"
    page: list[RenderableType] = [
        Text(f"Experiment {experiment.number}: {experiment.slug}", style="bold"),
        Text(experiment.question),
        Text(what, style="dim"),
        *([Text(f"Disturbed by {arena.fault}", style="yellow")] if arena.fault else []),
        Text(),
        _blockers(result),
        Text(),
        _claims(result),
        Text(),
        _milestones(result),
        Text(),
        _interception(result),
        *_used(result),
        *_metrics(result),
        Text(f"Ended by {result.ended_by.reason}: {result.ended_by.detail}"),
        headline(result),
        Text(f"Evidence: {directory}", style="dim"),
    ]
    return page


def _blockers(result: RunResult) -> RenderableType:
    table = Table(title="Blockers", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("blocker", overflow="fold")
    table.add_column("solution", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("evidence", overflow="fold")
    for blocker in result.blockers:
        if blocker.resolved_by is not None:
            table.add_row(blocker.id, blocker.resolved_by, Text("resolved", style="green"), _short(blocker.evidence))
        else:
            status = Text("blocks", style="red") if blocker.fatal else Text("degrades", style="yellow")
            times = f" ({blocker.count} times)" if blocker.count > 1 else ""
            table.add_row(
                blocker.id, blocker.advice, status, f"{blocker.source}:{blocker.line_no}{times} {_short(blocker.line)}"
            )
    if not result.blockers:
        return Text("Blockers: none seen, none shown to be overcome")
    return table


def _claims(result: RunResult) -> RenderableType:
    table = Table(title="Assertions", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("claim", overflow="fold")
    table.add_column("evidence", overflow="fold")
    for claim in result.assertions:
        mark, style = MARKS[claim.verdict]
        table.add_row(Text(mark, style=style), claim.claim, _short(claim.evidence))
    return table


def _milestones(result: RunResult) -> RenderableType:
    table = Table(title="Milestones", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("milestone")
    table.add_column("at", justify="right")
    table.add_column("after start", justify="right")
    table.add_column("witness", overflow="fold")
    started_s = next((rung.at_s for rung in result.milestones if rung.id == "workload-started"), None)
    for rung in result.milestones:
        mark, style = MARKS["pass" if rung.reached else "skipped"]
        at = f"{rung.at_s:.2f} s" if rung.at_s is not None else ""
        after = f"{rung.at_s - started_s:.2f} s" if rung.at_s is not None and started_s is not None else ""
        table.add_row(Text(mark, style=style), rung.id, at, after, rung.witness)
    return table


def _interception(result: RunResult) -> RenderableType:
    done = result.interception
    if not done.stops and not done.redirects:
        return Padding(Text(f"Interception: {done.mechanism}, no stops"), 0)
    most = sorted(done.calls.items(), key=lambda item: -item[1])[:MOST_CALLS]
    about = f", mostly {', '.join(f'{count} {name}' for name, count in most)}" if most else ""
    redirects = f"{counted(done.redirects, 'redirect')} of {counted(len(done.redirects_by_path), 'path')}"
    return Text(
        f"Interception: {done.mechanism}, {counted(done.stops, 'stop')} ({done.stops_per_s:g} a second{about}), "
        f"{redirects}, tracer {done.tracer_cpu_s:.2f} s of processor time"
    )


def _used(result: RunResult) -> list[RenderableType]:
    cpu_s, rss_mib = (result.environment.get(f"workload_{name}") for name in ("cpu_s", "peak_rss_mib"))
    if cpu_s is None or rss_mib is None:
        return []
    return [Text(f"Workload: {float(cpu_s):.1f} s of processor time, {float(rss_mib):.0f} MiB of memory at most")]


def _metrics(result: RunResult) -> list[RenderableType]:
    if not result.metrics:
        return []
    return [Text("Measured: " + ", ".join(f"{name} {value:g}" for name, value in result.metrics.items()))]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EVIDENCE_WIDTH else line[: EVIDENCE_WIDTH - 1] + "…"
