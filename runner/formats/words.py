"""Words that several formats share, so that a run is called the same everywhere.

What this module must not do: lay anything out.
"""

import shlex
from collections.abc import Iterable

from runner.core.cell import Attempt
from runner.core.compared import Comparison, Row, TimeRow
from runner.core.prepare import WHOLE_VIEW
from runner.core.statistics import Spread
from runner.model.fault import words_for
from runner.model.result import RunResult
from runner.model.view import VIEW_LAYER
from runner.supply.gvisors import known

GATE_WORDS = {
    "pass": "no regression",
    "regression": "regression",
    "flaky": "no regression found, but repeats of the same thing disagree",
    "inconclusive": "no regression found, but not everything could be told",
    "nothing-measured": "nothing was measured, so there is nothing to judge",
    "harness-error": "the runner itself broke; this says nothing about the workload",
}


def headline(result: RunResult) -> str:
    """``exp13 fail, as expected``."""
    expected = "as expected" if result.as_expected else f"not as expected: {'; '.join(result.differences)}"
    return f"exp{result.experiment.number:02d} {result.verdict}, {expected}"


def where(result: RunResult) -> str:
    """Workload and arena in one line."""
    arena = result.arena
    place = " ".join(part for part in (arena.kind, arena.runsc_version, arena.platform) if part)
    workload = f"{result.workload.kind} {result.workload.version}".strip()
    disturbed = f", disturbed by {arena.fault}" if arena.fault else ""
    return f"{workload} in {place}, mechanism {result.interception.mechanism}{disturbed}"


def furthest(result: RunResult) -> str:
    """The highest milestone reached."""
    return next((rung.id for rung in reversed(result.milestones) if rung.reached), "none")


def left_out(result: RunResult) -> tuple[str, ...]:
    """What the user asked to leave out: steps and view parts; ``view`` where it is all of the parts."""
    names = [step for step in result.steps if step.outcome == "skipped" and step.reason.endswith("--without")]
    parts = [step for step in result.steps if step.kind == "view" and step.id != VIEW_LAYER]
    if len(parts) > 1 and all(part in names for part in parts):
        return (*(step.id for step in names if step not in parts), WHOLE_VIEW)
    return tuple(step.id for step in names)


def days(attempts: Iterable[Attempt]) -> str:
    """``2026-11-24 to 2026-11-25``: when attempts, of which there is one at least, were made; one day is said once."""
    made = {attempt.finished_at[:10] for attempt in attempts}
    return min(made) if len(made) == 1 else f"{min(made)} to {max(made)}"


def spread_words(spread: Spread | None, unit: str) -> str:
    """``12.4 s, 11.9 to 13.0 (n=3)``; empty without a sample."""
    if spread is None:
        return ""
    digits = 2 if unit == "s" else 0
    space = f" {unit}" if unit else ""
    if spread.n == 1:
        return f"{spread.median:.{digits}f}{space}"
    return f"{spread.median:.{digits}f}{space}, {spread.low:.{digits}f} to {spread.high:.{digits}f} (n={spread.n})"


def ratio_words(row: TimeRow, side: int) -> str:
    """``1.25x``, or why there is none."""
    if row.marks[side] == "not-comparable":
        return "not comparable"
    ratio = row.ratios[side]
    said = f"{ratio:.2f}x" if ratio is not None else ""
    return f"{said} inconclusive".strip() if row.marks[side] == "inconclusive" else said


def transitions(comparison: Comparison) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """The rows of outcomes with their headings; assertions that are the same on all sides left out."""
    # A side without runs has no assertions; that is said once, above, not in a row for each.
    measured = [bool(side.runs) for side in comparison.sides]
    changed = tuple(
        row
        for row in comparison.assertions
        if any(mark != "same" and there for mark, there in zip(row.marks, measured, strict=True))
    )
    return (
        ("Outcome", comparison.outcomes),
        ("Milestones", comparison.milestones),
        ("Blockers", comparison.blockers),
        ("Assertions that differ", changed),
    )


def rerun_command(result: RunResult) -> str:
    """The command that makes this run again, with everything that was chosen for it."""
    words = ["python", "-m", "runner", "run", f"exp{result.experiment.number:02d}"]
    words += ["--workload", result.workload.kind]
    if result.workload.kind == "replay":
        words += [word for log in result.workload.command if log != "replay" for word in ("--log", log)]
    else:
        words += ["--arena", result.arena.kind]
    words += ["--mechanism", result.interception.mechanism]
    if result.workload.kind == "kubernetes":
        words += ["--workload-version", result.workload.version]
    if (build := known(result.arena.runsc_version)) is not None:
        words += ["--runsc", build.name]
    if result.arena.platform:
        words += ["--platform", result.arena.platform]
    words += [word for fault in words_for(result.arena.fault) for word in ("--fault", fault)]
    words += [word for name in left_out(result) for word in ("--without", name)]
    return shlex.join(words)
