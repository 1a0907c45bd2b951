"""Pictures as inline SVG: a run's timeline, and the ladder of a whole series.

The problem: a report must work from disk, in print and without JavaScript, so no chart library. And it must stay readable at
the width of a telephone and in the dark.

The idea: rows with a label on the left and marks at their time, like a Gantt chart; colours are CSS classes; every mark has a
``title`` (a tooltip without script) and its time in ``data-t``, from which a small script can place it anew to zoom in.

What this module must not do: read anything.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import attrs

from runner.core.milestones import MILESTONES
from runner.core.timeline import Timeline
from runner.history import Summary
from runner.model.result import RunResult

WIDTH = 1000
LABEL = 205
RIGHT = 16
ROW = 19
CHART = 64
LEAST_TICKS = 5
CHARACTERS = 30


@attrs.define
class _Canvas:
    """Elements so far, and how far down the picture goes."""

    start_s: float
    end_s: float
    parts: list[str] = attrs.field(factory=list)
    y: float = 8.0

    def x(self, at_s: float) -> float:
        span = max(self.end_s - self.start_s, 1e-9)
        return LABEL + (WIDTH - LABEL - RIGHT) * (at_s - self.start_s) / span

    def label(self, text: str, css: str = "") -> None:
        short = text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
        self.parts.append(
            f'<text x="{LABEL - 10}" y="{self.y + 13:.0f}" text-anchor="end" class="label {css}">{escape(short)}</text>'
        )

    def line(self) -> None:
        y = self.y + ROW / 2
        self.parts.append(f'<line x1="{LABEL}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>')

    def dot(self, at_s: float, css: str, title: str) -> None:
        self.parts.append(
            f'<circle cx="{self.x(at_s):.1f}" cy="{self.y + ROW / 2:.1f}" r="4.5" class="{css}" data-t="{at_s:.3f}">'
            f"<title>{escape(title)}</title></circle>"
        )

    def heading(self, text: str) -> None:
        self.parts.append(f'<text x="{LABEL}" y="{self.y + 12:.0f}" class="heading">{escape(text)}</text>')
        self.y += ROW


def timeline_svg(result: RunResult, timeline: Timeline) -> str:
    """Milestones, blockers, steps, log volume and interceptor rate over one axis of time."""
    rungs = {rung.id: rung.at_s for rung in result.milestones}
    started_s = rungs.get("workload-started") or timeline.start_s
    seen = [b for b in result.blockers if b.first_seen_s is not None]
    latest_s = max([timeline.end_s, *(at for at in rungs.values() if at), *(b.first_seen_s or 0.0 for b in seen)])
    canvas = _Canvas(start_s=timeline.start_s, end_s=latest_s)
    canvas.heading("Milestones")
    for rung in result.milestones:
        canvas.label(rung.id, "" if rung.reached else "faint")
        canvas.line()
        if rung.at_s is not None:
            canvas.dot(
                rung.at_s, "reached", f"{rung.id}: {rung.at_s - started_s:.2f} s after the start, {rung.witness}"
            )
        else:
            canvas.parts.append(f'<text x="{LABEL + 4}" y="{canvas.y + 13:.0f}" class="note">not reached</text>')
        canvas.y += ROW
    if seen:
        canvas.y += 6
        canvas.heading("Blockers, where first seen")
        for b in seen:
            canvas.label(b.id, "fatal" if b.fatal else "")
            canvas.line()
            what = "fatal" if b.fatal else "degrades"
            title = f"{b.id} ({what}), {(b.first_seen_s or 0) - started_s:.2f} s, {b.count} times: {b.line[:200]}"
            canvas.dot(b.first_seen_s or 0.0, "fatal" if b.fatal else "degrading", title)
            canvas.y += ROW
    if timeline.steps or timeline.redirects:
        canvas.y += 6
        canvas.heading("Workarounds")
        _dots(
            canvas,
            "steps",
            [(at, f"{name}: {how}", "failed" if how == "failed" else "step") for at, name, how in timeline.steps],
        )
        _dots(canvas, "redirects", [(at, path, "redirect") for at, path in timeline.redirects])
    for source, bins in sorted(timeline.lines.items(), key=lambda item: (item[0] != "workload", item[0])):
        _bars(canvas, timeline, f"{source}.log", "lines a second", [n / timeline.slice_s for n in bins], "lines")
    if timeline.stops:
        _bars(
            canvas, timeline, "interceptor", "stops a second", [n / timeline.slice_s for n in timeline.stops], "stops"
        )
    height = canvas.y + 24
    grid = _axis(canvas, started_s, height)
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="Timeline of the run"'
        f' data-start="{canvas.start_s:.3f}" data-end="{canvas.end_s:.3f}" data-zero="{started_s:.3f}"'
        f' data-left="{LABEL}" data-right="{WIDTH - RIGHT}">{grid}{"".join(canvas.parts)}</svg>'
    )


def _dots(canvas: _Canvas, name: str, dots: Sequence[tuple[float, str, str]]) -> None:
    if not dots:
        return
    canvas.label(f"{name} ({len(dots)})")
    canvas.line()
    for at_s, title, css in dots:
        canvas.dot(at_s, css, title)
    canvas.y += ROW


def _bars(canvas: _Canvas, timeline: Timeline, name: str, unit: str, rates: Sequence[float], css: str) -> None:
    top = max(rates) or 1.0
    canvas.y += 6
    canvas.heading(f"{name}, {unit}: at most {top:.0f}")
    for index, rate in enumerate(rates):
        if not rate:
            continue
        from_s = timeline.start_s + index * timeline.slice_s
        x, to_x = canvas.x(from_s), canvas.x(from_s + timeline.slice_s)
        high = max(1.0, CHART * rate / top)
        canvas.parts.append(
            f'<rect x="{x:.1f}" width="{max(to_x - x - 0.5, 0.5):.1f}" y="{canvas.y + CHART - high:.1f}"'
            f' height="{high:.1f}" class="{css}" data-t="{from_s:.3f}" data-d="{timeline.slice_s:.4f}">'
            f"<title>{rate:.0f} {unit}</title></rect>"
        )
    canvas.y += CHART
    canvas.parts.append(
        f'<line x1="{LABEL}" x2="{WIDTH - RIGHT}" y1="{canvas.y:.1f}" y2="{canvas.y:.1f}" class="rule"/>'
    )


def _axis(canvas: _Canvas, zero_s: float, height: float) -> str:
    step = _step(canvas.end_s - canvas.start_s)
    first = int((canvas.start_s - zero_s) / step)
    ticks = []
    for number in range(first, int((canvas.end_s - zero_s) / step) + 1):
        at_s = zero_s + number * step
        if at_s < canvas.start_s:
            continue
        ticks.append(
            f'<g class="tick" data-t="{at_s:.3f}" transform="translate({canvas.x(at_s):.1f} 0)">'
            f'<line y1="4" y2="{height - 18:.0f}"/>'
            f'<text y="{height - 5:.0f}" text-anchor="middle">{number * step:g} s</text></g>'
        )
    return f'<g class="axis" data-height="{height:.0f}">{"".join(ticks)}</g>'


def _step(span_s: float) -> float:
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    return next((float(step) for step in steps if span_s / step <= LEAST_TICKS * 2), 7200.0)


def ladder_svg(rows: Sequence[tuple[str, Summary]]) -> str:
    """How far each experiment got: a row each, a step for each milestone, what ended it at the right.

    Args:
        rows: A label and the run to show, in the order of the picture.
    """
    left, step, top, right = 215, 74, 78, 240
    width, height = left + step * len(MILESTONES) + right, top + 26 * len(rows) + 8
    parts = []
    for index, name in enumerate(MILESTONES):
        x = left + step * index + step / 2
        parts.append(f'<text transform="translate({x:.0f} {top - 10}) rotate(-28)" class="label">{escape(name)}</text>')
    for number, (label, run) in enumerate(rows):
        y = top + 26 * number
        short = label if len(label) <= CHARACTERS else label[: CHARACTERS - 1] + "…"
        parts.append(f'<text x="{left - 12}" y="{y + 15}" text-anchor="end" class="label">{escape(short)}</text>')
        for index, (rung, following) in enumerate(pairwise((*MILESTONES, ""))):
            reached = rung in run.milestones
            css = "reached" if reached else "faintbox"
            x = left + step * index
            parts.append(
                f'<rect x="{x + 2}" y="{y + 3}" width="{step - 4}" height="16" rx="3" class="{css}">'
                f"<title>{escape(label)}: {rung} {'reached' if reached else 'not reached'}</title></rect>"
            )
            if reached and following in run.milestones:
                parts.append(f'<rect x="{x + step - 2}" y="{y + 9}" width="4" height="4" class="reached"/>')
        end = ", ".join(run.blockers) or run.ended_by or run.problem
        css = "fatal" if run.blockers else "label"
        parts.append(
            f'<text x="{left + step * len(MILESTONES) + 10}" y="{y + 15}" class="label {css}">{escape(end[:36])}</text>'
        )
    return (
        f'<svg class="ladder" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="How far each experiment got">{"".join(parts)}</svg>'
    )
