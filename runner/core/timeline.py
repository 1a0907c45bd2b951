"""What happened when, folded out of a run's events into what a picture needs.

A run has thousands of events and a picture a thousand points: log lines and interceptor stops are counted per slice of time,
only steps, milestones and blockers stay single. Pure, so a page can be made from any recording.
"""

from collections.abc import Iterable

import attrs

from runner.model.events import AnyEvent, InterceptionCounted, LineSeen, PathRedirected, RunFinished, StepDone

SLICES = 120


@attrs.frozen(kw_only=True)
class Timeline:
    """Times in seconds since the run began.

    Attributes:
        start_s: Of the picture: the first event.
        end_s: The last event.
        steps: ``(at_s, id, outcome)``, as they were done; undoing them is left out.
        slice_s: Length of a slice.
        lines: Log lines in each slice, by source.
        stops: Interceptor stops in each slice; empty when nothing was counted.
        redirects: ``(at_s, path)``.
    """

    start_s: float
    end_s: float
    steps: tuple[tuple[float, str, str], ...]
    slice_s: float
    lines: dict[str, tuple[int, ...]]
    stops: tuple[float, ...]
    redirects: tuple[tuple[float, str], ...]


def timeline(events: Iterable[AnyEvent]) -> Timeline | None:
    """Fold events; None when there are none."""
    steps: list[tuple[float, str, str]] = []
    lines: dict[str, list[float]] = {}
    counted: list[tuple[float, int]] = []
    redirects: list[tuple[float, str]] = []
    at: list[float] = []
    for event in events:
        match event:
            case StepDone(outcome="undone" | "undo-failed") | RunFinished():
                continue  # the clearing up is no part of the story
            case StepDone():
                steps.append((event.at_s, event.id, event.outcome))
            case LineSeen():
                lines.setdefault(event.source, []).append(event.at_s)
            case InterceptionCounted():
                counted.append((event.at_s, sum(event.stops.values())))
            case PathRedirected():
                redirects.append((event.at_s, event.path))
            case _:
                pass
        at.append(event.at_s)
    if not at:
        return None
    start_s, end_s = min(at), max(at)
    slice_s = max(end_s - start_s, 1e-3) / SLICES

    def slice_of(when_s: float) -> int:
        return min(SLICES - 1, int((when_s - start_s) / slice_s))

    by_source: dict[str, tuple[int, ...]] = {}
    for source, times in lines.items():
        bins = [0] * SLICES
        for when_s in times:
            bins[slice_of(when_s)] += 1
        by_source[source] = tuple(bins)
    return Timeline(
        start_s=start_s,
        end_s=end_s,
        steps=tuple(steps),
        slice_s=slice_s,
        lines=by_source,
        stops=_spread_stops(counted, start_s, slice_s),
        redirects=tuple(redirects),
    )


def _spread_stops(counted: list[tuple[float, int]], start_s: float, slice_s: float) -> tuple[float, ...]:
    """Totals came about once a second: what was added between two of them is spread evenly over the slices between."""
    if not counted:
        return ()
    bins = [0.0] * SLICES
    before_s, before = start_s, 0
    for at_s, total in counted:
        first, last = (min(SLICES - 1, max(0, int((when - start_s) / slice_s))) for when in (before_s, at_s))
        for index in range(first, last + 1):
            bins[index] += (total - before) / (last - first + 1)
        before_s, before = at_s, total
    return tuple(bins)
