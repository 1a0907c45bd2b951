"""The tables of the status page, one function each.

What this module must not do: choose which of them the page has.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from runner.core.cell import Attempt
from runner.core.changes import Change
from runner.core.matrix import Column
from runner.core.needs import Need, NeedAt, Workaround, until
from runner.core.status import GOALS, Square, Status
from runner.formats.sections import Entry, Section, Tone

Link = Callable[[Attempt], str]
"""Where the result of an attempt is, from the page; empty when there is none."""

NEEDS: Final[dict[Need, str]] = {
    "needed": "needed",
    "depends": "depends",
    "not needed": "not needed",
    "unknown": "?",
}
PROBE_WORDS: Final = (
    "Tried with a shell inside the sandbox, each build on its usual platform, without any workload; in the kernel's words where"
    " it refused. What worked everywhere is left out."
)


def anchor(*words: str) -> str:
    """What a link to a section ends with."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def usual_places(status: Status, workload: str) -> list[int]:
    """Places of the columns of a workload, each build on its usual platform."""
    return [
        place for place, column in enumerate(status.plan.columns) if str(column.workload) == workload and column.usual
    ]


def _heading(column: Column, among: Sequence[Column]) -> str:
    """What heads a column: the build, and the mechanism where there is more than one."""
    several = len({other.mechanism for other in among}) > 1
    return f"{column.build.name} {column.mechanism}" if several else column.build.name


def grid(status: Status, workload: str, link: Link) -> Section:
    """Experiment by build, for one workload, each build on its usual platform."""
    places = usual_places(status, workload)
    columns = [status.plan.columns[place] for place in places]
    rows = []
    reasons: dict[str, list[str]] = {}
    not_run = []
    for experiment, squares in status.rows:
        here = [squares[place] for place in places]
        for square in here:
            if square.placed is None:
                reasons.setdefault(square.reason, []).append(experiment.name)
        if any(square.attempts for square in here):
            name = Entry(text=f"{experiment.name} {experiment.slug}")
            rows.append((name, *(_square(square, link) for square in here)))
        elif any(square.placed for square in here):
            not_run.append(experiment.name)
    notes = [
        (
            "Furthest milestone and first fatal blocker, or the first claim that did not hold; the mark says whether the"
            " experiment's own target was reached and its claims held. n of m: so many runs came out the same, where there was"
            " more than one."
        ),
        " ".join(_note(column, columns) for column in columns),
    ]
    notes += [f"No cell for {', '.join(dict.fromkeys(names))}: {reason}." for reason, names in sorted(reasons.items())]
    if not_run:
        notes.append(f"Not run yet in any build: {', '.join(not_run)}.")
    return Section(
        title=f"Experiment by build: {workload}",
        anchor=anchor("grid", workload),
        text=tuple(notes),
        headings=("experiment", *(_heading(column, columns) for column in columns)),
        rows=tuple(rows),
    )


def _note(column: Column, among: Sequence[Column]) -> str:
    note = f"{_heading(column, among)}: runsc {column.build.version}, platform {column.platform}"
    for step, reason in column.without.items():
        note += f"; without the step {step}, because {reason}"
    return note + "."


def _square(square: Square, link: Link) -> Entry:
    if square.placed is None:
        return Entry(text="no cell", tone="soft")
    if square.standing is None:
        return Entry(text=square.reason or "not run", tone="soft")
    said = square.standing.outcome.in_short
    if len(square.attempts) > 1:
        said += f" ({square.same} of {len(square.attempts)})"
    return Entry(text=said, href=link(square.standing), tone=_tone(square.standing))


def _tone(attempt: Attempt) -> Tone:
    if attempt.outcome.ending != "ran" or attempt.outcome.verdict in {"error", "skipped", "inconclusive"}:
        return "warn"
    return "good" if attempt.outcome.verdict == "pass" else "bad"


def platforms(status: Status, workload: str, link: Link) -> Section | None:
    """A build's other platforms beside its usual one."""
    others = [
        (place, column)
        for place, column in enumerate(status.plan.columns)
        if str(column.workload) == workload
        and not column.usual
        and any(squares[place].placed for _, squares in status.rows)
    ]
    if not others:
        return None
    usual = [
        (place, column)
        for place, column in enumerate(status.plan.columns)
        if str(column.workload) == workload and column.usual and any(column.build == other.build for _, other in others)
    ]
    shown = sorted([*usual, *others], key=lambda one: one[0])
    reasons: dict[str, dict[str, None]] = {}
    rows = []
    for experiment, squares in status.rows:
        if any(squares[place].standing for place, _ in others):
            name = Entry(text=f"{experiment.name} {experiment.slug}")
            rows.append((name, *(_square(squares[place], link) for place, _ in shown)))
        for place, column in others:
            if squares[place].placed is None:
                reasons.setdefault(squares[place].reason, {})[f"{column.build.name} {column.platform}"] = None
    return Section(
        title=f"Platforms: {workload}",
        anchor=anchor("platforms", workload),
        text=(
            "How gVisor itself is run, for a build: the usual platform first. Only experiments that were run on another.",
            *(f"No cell on {', '.join(places)}: {reason}." for reason, places in sorted(reasons.items())),
        ),
        headings=("experiment", *(f"{column.build.name} {column.platform}" for _, column in shown)),
        rows=tuple(rows),
    )


def workarounds(status: Status, workload: str, link: Link) -> Section:
    """Which workaround is needed in which build."""
    columns = [status.plan.columns[place] for place in usual_places(status, workload)]
    builds = list(dict.fromkeys(column.build.name for column in columns))
    rows = []
    untold = []
    for one in status.workarounds:
        needs = tuple(need for need in one.needs if need.column in columns)
        if all(need.need == "unknown" for need in needs):
            untold.append(one.id)
            continue
        entries = [
            Entry(
                text=NEEDS[need.need],
                href=link(need.witness) if need.witness else "",
                tone={"needed": "bad", "depends": "warn", "not needed": "good"}.get(need.need, "soft"),  # type: ignore[arg-type]
            )
            for need in needs
        ]
        said = until_words(attrs.evolve(one, needs=needs), builds)
        rows.append((Entry(text=one.id), Entry(text=said), *entries, Entry(text=_at_stake(one, needs))))
    text = [
        (
            "Judged from runs that did without it: needed where a blocker that it holds back then appeared; not needed where none"
            " did, nothing else held it back, and start-up got beyond it; depends where runs show both, since what else is done"
            " can make it superfluous (linked is a run that did without). Where that tells nothing, an experiment that reaches its"
            " target tells, by the same without this one step. ? where no run tells. What each step does: [steps.md](steps.md)."
        )
    ]
    if untold:
        text.append(f"No run tells in any build: {', '.join(untold)}.")
    return Section(
        title=f"Workarounds: {workload}",
        anchor=anchor("workarounds", workload),
        text=tuple(text),
        headings=("workaround", "in short", *(_heading(column, columns) for column in columns), "holds back"),
        rows=tuple(rows),
    )


def _at_stake(one: Workaround, needs: Sequence[NeedAt]) -> str:
    if one.holds_back:
        return ", ".join(one.holds_back)
    shown_by = dict.fromkeys(need.witness.cell.experiment for need in needs if need.witness)
    return f"(the target of {', '.join(shown_by)})"


def until_words(workaround: Workaround, builds: Sequence[str]) -> str:
    """``needed until 2025-10, no longer since 2026-09``, as far as it is known."""
    last, first = until(workaround, builds)
    if last and first:
        return f"needed until {last}, no longer since {first}"
    by_build = {need.column.build.name: need.need for need in workaround.needs}
    if last == builds[-1] and not [name for name in builds[:-1] if by_build.get(name) in {"needed", "depends"}]:
        came = any(by_build.get(name) == "not needed" for name in builds)
        return f"needed since {last}" if came else f"needed in {last}"
    if last:
        return f"still needed in {last}" if last == builds[-1] else f"needed until {last} at least"
    return f"not needed since {first} at the latest" if first else "not known"


def smallest(status: Status, link: Link) -> Section:
    """The fewest workarounds for a milestone."""
    rows = [
        (
            Entry(text=goal),
            Entry(text=f"{one.column.build.name}, {one.column.workload}"),
            Entry(text=f"{one.attempt.cell.experiment}, {len(one.attempt.outcome.applied)}", href=link(one.attempt)),
            Entry(text=", ".join(one.attempt.outcome.applied) or "none"),
        )
        for goal in GOALS
        for one in status.smallest
        if one.goal == goal and one.column.usual
    ]
    return Section(
        title="Smallest known sets of workarounds",
        anchor="smallest",
        text=(
            (
                "The fewest steps and view parts with which any run, of the matrix or of a search (`runner minimize`), reached the"
                " milestone. Some steps are no workarounds but what an experiment asks for, such as its pods and their images."
            ),
        ),
        headings=("milestone", "where", "run, size", "steps and view parts"),
        rows=tuple(rows),
    )


def change_title(change: Change) -> str:
    """``2025-05 to 2025-10, k3s v1``."""
    if change.before.build == change.after.build:
        return (
            f"{change.after.build.name}: {change.before.platform} to {change.after.platform}, {change.after.workload}"
        )
    return f"{change.before.build.name} to {change.after.build.name}, {change.after.workload}"


def change_anchor(change: Change) -> str:
    """What a link to the section of a change ends with."""
    return anchor("from", change_title(change))


def change_section(change: Change, link: Link) -> Section:
    """What differs between two columns: outcomes, then facts."""
    rows = [
        (
            Entry(text=pair.experiment),
            Entry(text=pair.before.outcome.in_short, href=link(pair.before), tone=_tone(pair.before)),
            Entry(text=pair.after.outcome.in_short, href=link(pair.after), tone=_tone(pair.after)),
        )
        for pair in change.outcomes
    ]
    rows += [(Entry(text=f"probe: {name}"), Entry(text=old), Entry(text=new)) for name, old, new in change.facts]
    text = []
    if change.gone:
        text.append(f"Blockers gone: {', '.join(change.gone)}.")
    if change.new:
        text.append(f"Blockers new: {', '.join(change.new)}.")
    if not rows:
        text.append("Nothing that was probed or run differs.")
    elif not change.outcomes:
        text.append(f"All {change.compared} outcomes are the same; what the probes found in the sandbox is not.")
    else:
        text.append(
            f"{len(change.outcomes)} of {change.compared} experiments came out otherwise; below them, what the probes found"
            " otherwise in the sandbox."
        )
    text += change.explained
    same_build = change.before.build == change.after.build
    sides = [one.platform if same_build else one.build.name for one in (change.before, change.after)]
    return Section(
        title=f"From {change_title(change)}",
        anchor=change_anchor(change),
        text=tuple(text),
        headings=("", *sides),
        rows=tuple(rows),
    )


def probes(status: Status) -> Section:
    """What was tried inside the sandbox and did not work in every build."""
    columns = {
        column.build.name: status.facts.get((column.build.version, column.platform), {})
        for column in status.plan.columns
        if column.usual
    }
    names = dict.fromkeys(name for found in columns.values() for name in found)
    rows = []
    for name in names:
        said = [found.get(name, "?") for found in columns.values()]
        if any(word.startswith("no: ") for word in said) or len(set(said) - {"?"}) > 1:
            rows.append((Entry(text=name), *(_probed(word) for word in said)))
    return Section(
        title="What the sandbox can do, by build",
        anchor="probes",
        text=(PROBE_WORDS,),
        headings=("tried", *columns),
        rows=tuple(rows),
    )


def _probed(word: str) -> Entry:
    if word in {"yes", "?"}:
        return Entry(text=word, tone="good" if word == "yes" else "soft")
    refused = word.startswith("no: ")
    # What stands before the last colon says again what was tried.
    return Entry(text=word.rpartition(": ")[2] if refused else word, tone="bad" if refused else "")


def tells(status: Status, workload: str) -> bool:
    """Whether any run of a workload says anything about any workaround."""
    columns = [status.plan.columns[place] for place in usual_places(status, workload)]
    return any(need.need != "unknown" for one in status.workarounds for need in one.needs if need.column in columns)
