"""Pictures as inline SVG: a run's timeline, and the ladder of a whole series.

The problem: a report must work from disk, in print and without JavaScript, so no chart library. And it must stay readable at
the width of a telephone and in the dark.

The idea: rows with a label and marks at their time, like a Gantt chart; colours are CSS classes; every mark has a ``title`` (a
tooltip without script) and its time in ``data-t``, from which a small script can place it anew to zoom in. Each picture is
drawn twice, wide with the labels on the left and narrow with the labels above, and the style sheet shows the one that fits:
a wide one scaled to 400 pixels cannot be read, and one that scrolls hides its end, where the fatal blocker is.

What this module must not do: read anything.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import attrs

from runner.core.milestones import MILESTONES
from runner.core.timeline import Timeline
from runner.model.result import RunResult
from runner.stored.history import Summary

RIGHT = 16
CHART = 64
LEAST_TICKS = 5


@attrs.frozen(kw_only=True)
class Layout:
    """Measures of one of the two drawings, in its own units, which are about pixels."""

    name: str
    width: int
    left: int
    row: int
    label_above: bool
    characters: int


WIDE = Layout(name="wide", width=1000, left=205, row=19, label_above=False, characters=30)
NARROW = Layout(name="narrow", width=380, left=10, row=31, label_above=True, characters=48)


@attrs.define
class _Canvas:
    """Elements so far, and how far down the picture goes."""

    layout: Layout
    start_s: float
    end_s: float
    parts: list[str] = attrs.field(factory=list)
    y: float = 8.0

    @property
    def middle(self) -> float:
        """Where the marks of the row stand."""
        return self.y + (22 if self.layout.label_above else self.layout.row / 2)

    def x(self, at_s: float) -> float:
        span = max(self.end_s - self.start_s, 1e-9)
        return self.layout.left + (self.layout.width - self.layout.left - RIGHT) * (at_s - self.start_s) / span

    def begin_row(self, text: str, css: str = "") -> None:
        """A label and the line that its marks stand on."""
        layout = self.layout
        short = text if len(text) <= layout.characters else text[: layout.characters - 1] + "…"
        at = f'x="{layout.left}"' if layout.label_above else f'x="{layout.left - 10}" text-anchor="end"'
        y = self.y + (11 if layout.label_above else 13)
        self.parts.append(f'<text {at} y="{y:.0f}" class="label {css}">{escape(short)}</text>')
        self.rule(self.middle)

    def end_row(self) -> None:
        self.y += self.layout.row

    def rule(self, y: float) -> None:
        self.parts.append(
            f'<line x1="{self.layout.left}" x2="{self.layout.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>'
        )

    def dot(self, at_s: float, css: str, title: str) -> None:
        self.parts.append(
            f'<circle cx="{self.x(at_s):.1f}" cy="{self.middle:.1f}" r="4.5" class="{css}" data-t="{at_s:.3f}">'
            f"<title>{escape(title)}</title></circle>"
        )

    def heading(self, text: str) -> None:
        self.parts.append(f'<text x="{self.layout.left}" y="{self.y + 12:.0f}" class="heading">{escape(text)}</text>')
        self.y += 19


def timeline_svg(result: RunResult, timeline: Timeline, layout: Layout = WIDE) -> str:
    """Milestones, blockers, steps, log volume and interceptor rate over one axis of time."""
    rungs = {rung.id: rung.at_s for rung in result.milestones}
    started_s = rungs.get("workload-started") or timeline.start_s
    seen = [b for b in result.blockers if b.first_seen_s is not None]
    latest_s = max([timeline.end_s, *(at for at in rungs.values() if at), *(b.first_seen_s or 0.0 for b in seen)])
    canvas = _Canvas(layout=layout, start_s=timeline.start_s, end_s=latest_s)
    canvas.heading("Milestones")
    for rung in result.milestones:
        canvas.begin_row(rung.id, "" if rung.reached else "faint")
        if rung.at_s is not None:
            canvas.dot(
                rung.at_s, "reached", f"{rung.id}: {rung.at_s - started_s:.2f} s after the start, {rung.witness}"
            )
        else:
            x = layout.width - RIGHT if layout.label_above else layout.left + 4
            anchor = ' text-anchor="end"' if layout.label_above else ""
            y = canvas.y + (11 if layout.label_above else 13)
            canvas.parts.append(f'<text x="{x}" y="{y:.0f}"{anchor} class="note">not reached</text>')
        canvas.end_row()
    if seen:
        canvas.y += 6
        canvas.heading("Blockers, where first seen")
        for b in seen:
            canvas.begin_row(b.id, "fatal" if b.fatal else "")
            what = "fatal" if b.fatal else "degrades"
            title = f"{b.id} ({what}), {(b.first_seen_s or 0) - started_s:.2f} s, {b.count} times: {b.line[:200]}"
            canvas.dot(b.first_seen_s or 0.0, "fatal" if b.fatal else "degrading", title)
            canvas.end_row()
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
        f'<svg class="timeline {layout.name}" viewBox="0 0 {layout.width} {height:.0f}" role="img"'
        f' aria-label="Timeline of the run" data-start="{canvas.start_s:.3f}" data-end="{canvas.end_s:.3f}"'
        f' data-zero="{started_s:.3f}" data-left="{layout.left}" data-right="{layout.width - RIGHT}">'
        f"{grid}{''.join(canvas.parts)}</svg>"
    )


def _dots(canvas: _Canvas, name: str, dots: Sequence[tuple[float, str, str]]) -> None:
    if not dots:
        return
    canvas.begin_row(f"{name} ({len(dots)})")
    for at_s, title, css in dots:
        canvas.dot(at_s, css, title)
    canvas.end_row()


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
    canvas.rule(canvas.y)


def _axis(canvas: _Canvas, zero_s: float, height: float) -> str:
    most = LEAST_TICKS if canvas.layout.label_above else LEAST_TICKS * 2
    step = _step(canvas.end_s - canvas.start_s, most)
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
    return f'<g class="axis" data-height="{height:.0f}" data-most="{most}">{"".join(ticks)}</g>'


def _step(span_s: float, most: int) -> float:
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    return next((float(step) for step in steps if span_s / step <= most), 7200.0)


def ladder_svg(rows: Sequence[tuple[str, Summary]], layout: Layout = WIDE) -> str:
    """How far each experiment got: a row each, a step for each milestone, and what ended it.

    Args:
        rows: A label and the run to show, in the order of the picture.
        layout: Wide: names of milestones above the columns, the end at the right. Narrow: columns are numbered, in the
            order of the ladder, and label and end stand above each row.
    """
    return _wide_ladder(rows) if layout is WIDE else _narrow_ladder(rows)


def _wide_ladder(rows: Sequence[tuple[str, Summary]]) -> str:
    left, step, top, right = 215, 74, 78, 240
    width, height = left + step * len(MILESTONES) + right, top + 26 * len(rows) + 8
    parts = []
    for index, name in enumerate(MILESTONES):
        x = left + step * index + step / 2
        parts.append(f'<text transform="translate({x:.0f} {top - 10}) rotate(-28)" class="label">{escape(name)}</text>')
    for number, (label, run) in enumerate(rows):
        y = top + 26 * number
        short = label if len(label) <= WIDE.characters else label[: WIDE.characters - 1] + "…"
        parts.append(f'<text x="{left - 12}" y="{y + 15}" text-anchor="end" class="label">{escape(short)}</text>')
        parts += _rungs(label, run, left, step, y)
        end, css = _end_of(run)
        parts.append(
            f'<text x="{left + step * len(MILESTONES) + 10}" y="{y + 15}" class="label {css}">{escape(end[:36])}</text>'
        )
    return _picture("ladder wide", width, height, parts)


def _narrow_ladder(rows: Sequence[tuple[str, Summary]]) -> str:
    left, row, top = 4, 46, 20
    step = (NARROW.width - 2 * left) // len(MILESTONES)
    parts = []
    for index, name in enumerate(MILESTONES):
        x = left + step * index + step / 2
        parts.append(
            f'<text x="{x:.0f}" y="12" text-anchor="middle" class="note">{index + 1}<title>{name}</title></text>'
        )
    for number, (label, run) in enumerate(rows):
        y = top + row * number
        end, css = _end_of(run)
        parts.append(f'<text x="{left}" y="{y + 13}" class="label">{escape(label[:24])}</text>')
        parts.append(
            f'<text x="{NARROW.width - left}" y="{y + 13}" text-anchor="end" class="note {css}">{escape(end[:32])}</text>'
        )
        parts += _rungs(label, run, left, step, y + 16)
    return _picture("ladder narrow", NARROW.width, top + row * len(rows), parts)


def _rungs(label: str, run: Summary, left: int, step: int, y: float) -> list[str]:
    parts = []
    for index, (rung, following) in enumerate(pairwise((*MILESTONES, ""))):
        reached = rung in run.milestones
        x = left + step * index
        parts.append(
            f'<rect x="{x + 2}" y="{y + 3}" width="{step - 4}" height="16" rx="3"'
            f' class="{"reached" if reached else "faintbox"}">'
            f"<title>{escape(label)}: {rung} {'reached' if reached else 'not reached'}</title></rect>"
        )
        if reached and following in run.milestones:
            parts.append(f'<rect x="{x + step - 2}" y="{y + 9}" width="4" height="4" class="reached"/>')
    return parts


def _end_of(run: Summary) -> tuple[str, str]:
    return ", ".join(run.blockers) or run.ended_by or run.problem, "fatal" if run.blockers else ""


def _picture(css: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg class="{css}" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="How far each experiment got">{"".join(parts)}</svg>'
    )
