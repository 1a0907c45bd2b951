"""In which versions a blocker was seen or overcome, as far as promoted results and the committed matrix tell.

The problem: a rule says from which release on a blocker is gone only once somebody has seen it gone. The evidence for that are
results, and those that are kept are the promoted ones and those of the matrix.

What this module must not do: conclude. A version in which a blocker was neither seen nor overcome is not in the list.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import attrs

from runner.core.cell import Attempt
from runner.core.codec import FormatError
from runner.core.met import Met
from runner.host.store import StoreError, read_result
from runner.model.result import RunResult
from runner.stored.baseline import all_baselines, baseline_name


@attrs.frozen(kw_only=True)
class Sighting:
    """One promoted result that knows a blocker, or the runs of the matrix in one version that agree about it.

    Attributes:
        workload: Kind and version.
        arena: ``gvisor`` with runsc's version, or ``host`` with the kernel's.
        baseline: The result's name, or the matrix's newest run.
        outcome: Whether it was seen, or shown to be overcome; ``absent`` when start-up got beyond its place though nothing
            held it back.
        by: What overcame it.
        runs: How many runs say so.
    """

    workload: str
    arena: str
    baseline: str
    outcome: Literal["seen", "overcome", "absent"]
    by: str = ""
    runs: int = 1


def sightings(results: Path, blocker: str) -> tuple[Sighting, ...]:
    """Every promoted result that lists the blocker, by name; broken ones are left out, since ``compare`` names them."""
    found: list[Sighting] = []
    for path in all_baselines(results):
        try:
            result = read_result(path)
        except (FormatError, StoreError):
            continue
        found += _of(result, blocker)
    return tuple(found)


def matrix_sightings(found: Iterable[Met]) -> tuple[Sighting, ...]:
    """What the matrix says of a blocker, a line for each version and outcome."""
    sighted: list[Sighting] = []
    for one in found:
        kinds: tuple[tuple[Literal["seen", "overcome", "absent"], tuple[Attempt, ...]], ...] = (
            ("seen", one.met),
            ("overcome", one.overcome),
            ("absent", one.absent),
        )
        sighted += [
            Sighting(
                workload=one.workload,
                arena=f"gvisor {one.runsc}",
                baseline=f"matrix, {attempts[-1].cell.experiment}",
                outcome=outcome,
                by=", ".join(one.overcome_by) if outcome == "overcome" else "",
                runs=len(attempts),
            )
            for outcome, attempts in kinds
            if attempts
        ]
    return tuple(sighted)


def _of(result: RunResult, blocker: str) -> list[Sighting]:
    arena = result.arena
    place = f"{arena.kind} {arena.runsc_version or arena.kernel}".strip()
    return [
        Sighting(
            workload=f"{result.workload.kind} {result.workload.version}".strip(),
            arena=place,
            baseline=baseline_name(result),
            outcome="seen" if b.count else "overcome",
            by=b.resolved_by or "",
        )
        for b in result.blockers
        if b.id == blocker
    ]
