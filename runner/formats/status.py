"""The status page of a matrix: which sections it has and what stands in them, for Markdown and HTML alike.

One table a workload, so that builds of gVisor stand side by side; every cell leads to the result it rests on.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import attrs

from runner.core.cell import Attempt
from runner.core.matrix import Column
from runner.core.status import GOALS, Change, Square, Status, Workaround, short, until
from runner.formats.markdown import Safe, cell, table

Link = Callable[[Attempt], str]
"""Where the result of an attempt is, from the page; empty when there is none."""

_PLAIN: Final = re.compile(r"[\w ,.:+-]*")
Tone = Literal["good", "bad", "warn", "soft", ""]
SIGNS: Final[dict[str, str]] = {"good": "✅ ", "bad": "❌ ", "warn": "❔ ", "soft": "", "": ""}
# A page has colours, and cannot rely on a font with pictures.
PLAIN_SIGNS: Final[dict[str, str]] = {"good": "✓ ", "bad": "✗ ", "warn": "? ", "soft": "", "": ""}

TITLE: Final = "What works where"
INTRODUCTION: Final = (
    "How far each experiment gets in which build of gVisor, what stops it there, and which workaround is still needed. Each"
    " cell is the newest run's furthest milestone and first fatal blocker, and leads to its result; n of m says how many"
    " runs came out the same, where there was more than one. A mark says whether the experiment's own target was reached."
)
NEED_WORDS: Final = (
    "Judged from runs that did without it: needed where a blocker that it holds back then appeared; not needed where none"
    " did, nothing else held it back, and start-up got beyond it; ? where no run tells."
)


@attrs.frozen(kw_only=True)
class Entry:
    """What stands in one place of a table."""

    text: str
    href: str = ""
    tone: Tone = ""


@attrs.frozen(kw_only=True)
class Section:
    """One table with its heading and what there is to say about it."""

    title: str
    text: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[Entry, ...], ...] = ()


def sections(status: Status, link: Link) -> tuple[Section, ...]:
    """Everything on the page below its introduction."""
    workloads = tuple(dict.fromkeys(str(column.workload) for column in status.plan.columns))
    found = [_grid(status, workload, link) for workload in workloads]
    found.append(_smallest(status, link))
    found += [_workarounds(status, workload, link) for workload in workloads]
    found += [_change(change) for change in status.changes]
    found.append(_seen(status))
    return tuple(found)


def status_markdown(found: Iterable[Section], made: str) -> str:
    """The page in Markdown."""
    text = [f"# {TITLE}", "", "<!-- Made by `nox -s matrix`; change matrix.toml, not this. -->", ""]
    text += [INTRODUCTION, "", cell(made), ""]
    for section in found:
        text += [f"## {cell(section.title)}", ""]
        for line in section.text:
            text += [cell(line), ""]
        if section.rows:
            text += [*table(section.headings, [[_marked(entry) for entry in row] for row in section.rows]), ""]
    return "\n".join(text)


def _marked(entry: Entry) -> Safe:
    # A list of ids is never cut, and has nothing in it that means anything.
    text = SIGNS[entry.tone] + (entry.text if _PLAIN.fullmatch(entry.text) else cell(entry.text))
    return Safe(f"[{text}]({entry.href})" if entry.href else text)


def _columns(status: Status, workload: str) -> list[int]:
    return [place for place, column in enumerate(status.plan.columns) if str(column.workload) == workload]


def _heading(column: Column, among: Sequence[Column]) -> str:
    """What heads a column: the build, and whatever else tells it from its neighbours."""
    words = [column.build.name]
    if sum(other.build == column.build and other.mechanism == column.mechanism for other in among) > 1:
        words.append(column.platform)
    if len({other.mechanism for other in among}) > 1:
        words.append(column.mechanism)
    return " ".join(words)


def _grid(status: Status, workload: str, link: Link) -> Section:
    places = _columns(status, workload)
    columns = [status.plan.columns[place] for place in places]
    rows = []
    reasons: dict[str, list[str]] = {}
    for experiment, squares in status.rows:
        here = [squares[place] for place in places]
        for square in here:
            if square.placed is None:
                reasons.setdefault(square.reason, []).append(experiment.name)
        if any(square.placed for square in here):
            name = Entry(text=f"{experiment.name} {experiment.slug}")
            rows.append((name, *(_square(square, link) for square in here)))
    notes = [_note(column, columns) for column in columns]
    notes += [f"No cell for {', '.join(dict.fromkeys(names))}: {reason}." for reason, names in sorted(reasons.items())]
    return Section(
        title=workload,
        text=tuple(notes),
        headings=("experiment", *(_heading(column, columns) for column in columns)),
        rows=tuple(rows),
    )


def _note(column: Column, among: Sequence[Column]) -> str:
    note = f"{_heading(column, among)}: runsc {column.build.version}, platform {column.platform}"
    for step, reason in column.without.items():
        note += f"; without {step}, for {reason}"
    return note + "."


def _square(square: Square, link: Link) -> Entry:
    if square.placed is None:
        return Entry(text="no cell", tone="soft")
    if square.newest is None:
        return Entry(text="not run", tone="soft")
    said = short(square.newest)
    if len(square.attempts) > 1:
        said += f" ({square.same} of {len(square.attempts)})"
    return Entry(text=said, href=link(square.newest), tone=_tone(square.newest))


def _tone(attempt: Attempt) -> Tone:
    if attempt.outcome.ending != "ran" or attempt.outcome.verdict in {"error", "skipped", "inconclusive"}:
        return "warn"
    return "good" if attempt.outcome.verdict == "pass" else "bad"


def _smallest(status: Status, link: Link) -> Section:
    rows = []
    for goal in GOALS:
        for one in (one for one in status.smallest if one.goal == goal):
            outcome = one.attempt.outcome
            rows.append(
                (
                    Entry(text=goal),
                    Entry(text=f"{one.column.build.name}, {one.column.workload}"),
                    Entry(text=f"{one.attempt.cell.experiment}, {len(outcome.applied)}", href=link(one.attempt)),
                    Entry(text=", ".join(outcome.applied) or "none"),
                )
            )
    return Section(
        title="Smallest known sets of workarounds",
        text=(
            "The fewest steps and view parts with which any run, of the matrix or of a search (`runner minimize`), reached the milestone.",
        ),
        headings=("milestone", "where", "run, size", "steps and view parts"),
        rows=tuple(rows),
    )


def _workarounds(status: Status, workload: str, link: Link) -> Section:
    columns = [status.plan.columns[place] for place in _columns(status, workload)]
    builds = list(dict.fromkeys(column.build.name for column in columns))
    rows = []
    for one in status.workarounds:
        needs = [need for need in one.needs if need.column in columns]
        entries = [
            Entry(
                text="?" if need.need == "unknown" else need.need,
                href=link(need.witness) if need.witness else "",
                tone={"needed": "bad", "not needed": "good"}.get(need.need, "soft"),  # type: ignore[arg-type]
            )
            for need in needs
        ]
        said = until_words(attrs.evolve(one, needs=tuple(needs)), builds)
        rows.append((Entry(text=one.id), Entry(text=", ".join(one.holds_back)), *entries, Entry(text=said)))
    return Section(
        title=f"Workarounds, {workload}",
        text=(NEED_WORDS,),
        headings=("workaround", "holds back", *(_heading(column, columns) for column in columns), "in short"),
        rows=tuple(rows),
    )


def until_words(workaround: Workaround, builds: Sequence[str]) -> str:
    """``needed until 2025-10, no longer since 2026-09``, as far as it is known."""
    last, first = until(workaround, builds)
    if last and first:
        return f"needed until {last}, no longer since {first}"
    if last:
        return f"still needed in {last}" if last == builds[-1] else f"needed until {last} at least"
    return f"no longer needed since {first} at the latest" if first else "not known"


def _change(change: Change) -> Section:
    rows = [(Entry(text=name), Entry(text=old), Entry(text=new)) for name, old, new in change.outcomes]
    rows += [(Entry(text=f"arena: {name}"), Entry(text=old), Entry(text=new)) for name, old, new in change.facts]
    text = []
    if change.gone:
        text.append(f"Gone: {', '.join(change.gone)}.")
    if change.new:
        text.append(f"New: {', '.join(change.new)}.")
    if not rows:
        text.append("Nothing that was probed or run differs.")
    elif not change.outcomes:
        text.append("No outcome differs; these facts of the arena do.")
    return Section(
        title=f"From {change.before.build.name} to {change.after.build.name}, {change.after.workload}",
        text=tuple(text),
        headings=("", change.before.build.name, change.after.build.name),
        rows=tuple(rows),
    )


def _seen(status: Status) -> Section:
    rows = [(Entry(text=blocker), Entry(text=", ".join(builds))) for blocker, builds in status.seen.items()]
    return Section(
        title="Blockers by build",
        text=("Every blocker, fatal or degrading, that any run of the matrix met.",),
        headings=("blocker", "seen in"),
        rows=tuple(rows),
    )
