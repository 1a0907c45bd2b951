"""Times and costs beside each other: n, median, range, ratio, and whether the difference is one.

A difference counts only if the ratio *and* the absolute difference are over their thresholds *and* a rank test agrees, with
at least three runs a side. Below the thresholds both sides are the same; above them without the proof: inconclusive.

What this module must not do: compare what was measured in different environments.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from runner.core.compared import Mark, TimeRow
from runner.core.milestones import MILESTONES
from runner.core.statistics import Spread, chance_of_larger, spread
from runner.model.result import RunResult

LEAST_RUNS: Final = 3
# One-sided, and the best that three runs a side can show: every new time above every old one.
CHANCE: Final = 0.05


@attrs.frozen(kw_only=True)
class Thresholds:
    """From where on a difference of times is one; below either of them both sides are the same.

    Attributes:
        factor: Least ratio of the larger median to the smaller.
        difference_s: Least difference of the medians, in seconds.
    """

    factor: float = attrs.field(default=1.25, validator=attrs.validators.ge(1))
    difference_s: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))


Samples = Sequence[Sequence[float]]


def time_rows(
    sides: Sequence[Sequence[RunResult]], comparable: Sequence[bool], thresholds: Thresholds
) -> tuple[TimeRow, ...]:
    """Rows for every milestone and cost of which at least one side has a sample.

    Args:
        sides: The results that measured something, a sequence a side.
        comparable: Of each side, whether its times may be compared with the first's.
        thresholds: From where on times differ.
    """
    rows = [
        _row(
            name,
            "s",
            [[t for r in results if (t := _after_start(r, name)) is not None] for results in sides],
            comparable,
            thresholds,
        )
        for name in MILESTONES[1:]
    ]
    for name, unit, key in (("workload-cpu", "s", "workload_cpu_s"), ("peak-memory", "MiB", "workload_peak_rss_mib")):
        samples = [[v for r in results if (v := _number(r.environment.get(key))) is not None] for results in sides]
        rows.append(_row(name, unit, samples, comparable, thresholds, gated=False))
    stops = [[float(r.interception.stops) for r in results if r.interception.stops] for results in sides]
    tracer = [[r.interception.tracer_cpu_s for r in results if r.interception.stops] for results in sides]
    rows.append(_row("stops", "", stops, comparable, thresholds, gated=False))
    rows.append(_row("tracer-cpu", "s", tracer, comparable, thresholds, gated=False))
    return tuple(row for row in rows if any(row.spreads))


def _row(
    name: str, unit: str, samples: Samples, comparable: Sequence[bool], thresholds: Thresholds, *, gated: bool = True
) -> TimeRow:
    spreads = tuple(spread(side) for side in samples)
    return TimeRow(
        id=name,
        unit=unit,
        spreads=spreads,
        ratios=tuple(_ratio(spreads[0], other) for other in spreads),
        marks=(
            "same",
            *(
                _mark(samples[0], samples[i], unit, thresholds) if comparable[i] else "not-comparable"
                for i in range(1, len(samples))
            ),
        ),
        gated=gated,
    )


def _mark(before: Sequence[float], after: Sequence[float], unit: str, thresholds: Thresholds) -> Mark:
    old, new = spread(before), spread(after)
    if old is None or new is None:
        return "unknown"
    least = thresholds.difference_s if unit == "s" else 0.0
    low, high = sorted((old.median, new.median))
    if high - low <= least or high <= thresholds.factor * low:
        return "same"
    if min(old.n, new.n) < LEAST_RUNS:
        return "inconclusive"
    slower = new.median > old.median
    chance = chance_of_larger(before, after) if slower else chance_of_larger(after, before)
    if chance > CHANCE:
        return "inconclusive"
    return "slower" if slower else "faster"


def _ratio(first: Spread | None, other: Spread | None) -> float | None:
    return other.median / first.median if first and other and first.median > 0 else None


def _after_start(result: RunResult, name: str) -> float | None:
    at = {rung.id: rung.at_s for rung in result.milestones}
    start_s, here_s = at.get("workload-started"), at.get(name)
    # The run's own zero is the user's command; what came before the workload (a download, a build) says nothing about it.
    return None if start_s is None or here_s is None else round(here_s - start_s, 3)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
