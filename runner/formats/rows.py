"""Several runs as one Markdown table, a row a run: for the outcome of leaving one step out at a time, or of a series.

What this module must not do: hide a run. One that came out differently from what was declared says so in its row.
"""

from collections.abc import Sequence

from runner.formats.markdown import table
from runner.formats.words import furthest, left_out, where
from runner.model.result import RunResult

HEAD = ("left out", "fatal blockers", "after start", "verdict after", "furthest milestone", "outcome")


def results_to_rows(results: Sequence[RunResult]) -> str:
    """One table for each experiment, workload and arena, in the order in which they first appear."""
    groups: dict[str, list[RunResult]] = {}
    for result in results:
        groups.setdefault(f"exp{result.experiment.number:02d}: {where(result)}", []).append(result)
    text: list[str] = []
    for heading, runs in groups.items():
        days = sorted({run.started_at[:10] for run in runs})
        machine = runs[0].environment
        facts = [
            f"{machine[key]} {unit}".strip() for key, unit in (("cpus", "processors"), ("memory", "")) if key in machine
        ]
        text += [f"**{heading}**; {', '.join([*facts, *days])}", "", *table(HEAD, [_row(run) for run in runs]), ""]
    return "\n".join(text)


def _row(result: RunResult) -> tuple[str, ...]:
    started_s = next((rung.at_s for rung in result.milestones if rung.id == "workload-started"), None)
    fatal = [blocker for blocker in result.blockers if blocker.fatal and blocker.count]
    seen_s = [blocker.first_seen_s for blocker in fatal if blocker.first_seen_s is not None]
    after = f"{min(seen_s) - started_s:.1f} s" if seen_s and started_s is not None else ""
    verdict_after = f"{result.duration_s - min(seen_s):.2f} s" if seen_s else ""
    outcome = "as declared" if result.as_expected else "not as declared: " + "; ".join(result.differences)
    return (
        ", ".join(left_out(result)) or "nothing",
        ", ".join(blocker.id for blocker in fatal) or "none",
        after,
        verdict_after,
        furthest(result),
        outcome,
    )
