"""The status page's table of blockers: in which build each was met, held back, or not there any more.

What this module must not do: find that out.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from runner.core.blockers import RULES
from runner.core.met import Met
from runner.core.status import Status
from runner.formats.sections import Entry, Section
from runner.formats.status_tables import Link

BLOCKERS: Final = "blockers"
"""Where the pages of blockers are, from the page."""
FATAL_WORDS: Final = (
    "Everything that ended a start-up, or kept it from going on. Met: with the workloads that met it, and the newest such run."
    " Held back: a run shows that a workaround did it. Not there: an experiment that met it elsewhere got beyond its place here,"
    " though nothing that is known to hold it back was applied. ?: no run tells."
)
DEGRADING_WORDS: Final = (
    "What start-up survives: a feature less, or a line that looks worse than it is. Words as for blockers."
)
# Letters of step names that fit into a table's place.
MANY: Final = 40


def blockers(status: Status, link: Link, *, fatal: bool) -> Section:
    """Blocker by build: met, held back, or not there any more."""
    builds = {column.build.name: column.build.version for column in status.plan.columns}
    rows = []
    for blocker, found in status.met.items():
        if RULES[blocker].fatal != fatal:
            continue
        here = {name: [one for one in found if one.runsc == version] for name, version in builds.items()}
        entries = [_met(places, link, fatal=fatal) for places in here.values()]
        name = Entry(text=blocker, href=f"{BLOCKERS}/{blocker}.md")
        rows.append((name, Entry(text=_gone(here)), *entries))
    return Section(
        title="Blockers by build" if fatal else "What is lost or only noisy, by build",
        anchor="blockers" if fatal else "degrading",
        text=(FATAL_WORDS if fatal else DEGRADING_WORDS,),
        headings=("blocker", "in short", *builds),
        rows=tuple(rows),
    )


def _met(places: Sequence[Met], link: Link, *, fatal: bool) -> Entry:
    met, overcome, absent = (
        sorted((one for place in places for one in getattr(place, kind)), key=lambda one: one.id)
        for kind in ("met", "overcome", "absent")
    )
    if met:
        workloads = dict.fromkeys(f"{one.cell.workload} {one.cell.version.partition('+')[0]}" for one in met)
        return Entry(text=f"met: {', '.join(workloads)}", href=link(met[-1]), tone="bad" if fatal else "warn")
    if overcome:
        by = ", ".join(dict.fromkeys(step for place in places for step in place.overcome_by))
        return Entry(text="held back" if len(by) > MANY else f"held back by {by}", href=link(overcome[-1]), tone="warn")
    if absent:
        return Entry(text="not there", href=link(absent[-1]), tone="good")
    return Entry(text="?", tone="soft")


def _gone(here: Mapping[str, Sequence[Met]]) -> str:
    """``gone since 2025-10``, as far as runs tell; that it is held back does not show that it would come without."""
    builds = list(here)
    met = [name for name in builds if any(one.met for one in here[name])]
    held = [name for name in builds if any(one.overcome for one in here[name])]
    if not met:
        return f"held back in {held[-1]}"
    last = met[-1]
    if last == builds[-1]:
        before = builds[: builds.index(met[0])]
        came = any(one.absent for name in before for one in here[name])
        return f"new in {met[0]}" if came and met == [last] else f"still in {last}"
    free = [name for name in builds[builds.index(last) + 1 :] if any(one.absent for one in here[name])]
    if free:
        return f"gone since {free[0]}, met until {last}"
    later = f", held back in {held[-1]}" if held and builds.index(held[-1]) > builds.index(last) else ""
    return f"last met in {last}{later}"
