"""The status page of a matrix: which sections it has and what stands in them, the short answer first.

One table a workload, so that builds of gVisor stand side by side; every cell leads to the result it rests on.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from runner.core.blockers import RULES
from runner.core.cell import Attempt
from runner.core.changes import Change
from runner.core.matrix import column_key
from runner.core.status import GOALS, Status
from runner.formats.markdown import cell
from runner.formats.sections import Entry, Section, Tone, sections_markdown
from runner.formats.status_blockers import blockers
from runner.formats.status_tables import (
    Link,
    change_anchor,
    change_section,
    change_title,
    grid,
    platforms,
    probes,
    smallest,
    tells,
    usual_places,
    workarounds,
)

TITLE: Final = "What works where: Kubernetes in gVisor, release by release"
INTRODUCTION: Final = (
    "Real k3s and real upstream Kubernetes inside real gVisor sandboxes: how far start-up gets in which build of gVisor, what"
    " stops it there, and which workaround is still needed. Everything here is made from runs, and every cell leads to the"
    " result of the run it rests on, with its logs."
)


def sections(status: Status, link: Link, reproduce: Sequence[str] = ()) -> tuple[Section, ...]:
    """Everything on the page below its introduction.

    Args:
        status: What the matrix says.
        link: Where results are.
        reproduce: Paragraphs about what the runs were made with and on.
    """
    workloads = tuple(dict.fromkeys(str(column.workload) for column in status.plan.columns))
    changes = [change_section(change, link) for change in status.changes]
    found = [_in_short(status, workloads, link), _needed_today(status, workloads), blockers(status, link, fatal=True)]
    if status.changes:
        found.append(_what_changed(status.changes))
    found += [grid(status, workload, link) for workload in workloads]
    found += [workarounds(status, workload, link) for workload in workloads if tells(status, workload)]
    found += [smallest(status, link), probes(status)]
    found += changes
    found += [section for workload in workloads if (section := platforms(status, workload, link)) is not None]
    found += [blockers(status, link, fatal=False), _reproduce(status, reproduce)]
    return tuple(found)


def status_markdown(found: Iterable[Section], made: str) -> str:
    """The page in Markdown."""
    text = [f"# {TITLE}", "", "<!-- Made by `nox -s matrix`; change matrix.toml, not this. -->", ""]
    return "\n".join([*text, INTRODUCTION, "", cell(made), "", *sections_markdown(found)])


def _in_short(status: Status, workloads: Sequence[str], link: Link) -> Section:
    builds = list(dict.fromkeys(column.build.name for column in status.plan.columns))
    rows = []
    for workload in workloads:
        entries = []
        for build in builds:
            columns = [
                column
                for column in status.plan.columns
                if column.usual and column.build.name == build and str(column.workload) == workload
            ]
            best = next((status.best[key] for column in columns if (key := column_key(column)) in status.best), None)
            entries.append(_best(best, link))
        rows.append((Entry(text=workload), *entries))
    return Section(
        title="In short",
        anchor="in-short",
        text=(
            (
                "The furthest that any experiment got, by workload and build of gVisor, and with how many workarounds (steps and"
                " parts of the view over /proc/sys together)."
            ),
        ),
        headings=("", *(f"gVisor {build}" for build in builds)),
        rows=tuple(rows),
    )


def _best(best: Attempt | None, link: Link) -> Entry:
    if best is None:
        return Entry(text="not run", tone="soft")
    outcome = best.outcome
    said = f"{outcome.in_short}; {len(outcome.applied)} workarounds ({best.cell.experiment})"
    # A node or a pod is what people want; that an experiment reached a smaller target of its own is no reason to cheer.
    useful = outcome.furthest in GOALS[-2:]
    tone: Tone = "bad" if outcome.verdict != "pass" else "good" if useful else ""
    return Entry(text=said, href=link(best), tone=tone)


def _needed_today(status: Status, workloads: Sequence[str]) -> Section:
    rows = []
    for workload in workloads:
        places = usual_places(status, workload)
        if not places or not tells(status, workload):
            continue
        newest = status.plan.columns[places[-1]]
        by_need: dict[str, list[str]] = {}
        for one in status.workarounds:
            need = next(need.need for need in one.needs if need.column == newest)
            by_need.setdefault(need, []).append(one.id)
        rows.append(
            (
                Entry(text=f"{workload} in {newest.build.name}"),
                *(
                    Entry(text=", ".join(by_need.get(need, [])) or "none")
                    for need in ("needed", "depends", "not needed")
                ),
                Entry(text=str(len(by_need.get("unknown", ())))),
            )
        )
    return Section(
        title="Workarounds in the newest build",
        anchor="newest",
        text=(
            (
                "Those without which a run was stopped by what they hold back, and those without which a run got beyond the place."
                " Tables below have the other builds, and the run behind each word."
            ),
        ),
        headings=("", "needed", "depends on the rest", "not needed", "no run tells"),
        rows=tuple(rows),
    )


def _what_changed(changes: Sequence[Change]) -> Section:
    rows = [
        (
            Entry(text=change_title(change), href=f"#{change_anchor(change)}"),
            Entry(text=f"{len(change.outcomes)} of {change.compared}"),
            Entry(text=", ".join(one for one in change.gone if _is_fatal(one)) or "none"),
            Entry(text=", ".join(one for one in change.new if _is_fatal(one)) or "none"),
            Entry(text=str(len(change.facts))),
        )
        for change in changes
    ]
    return Section(
        title="What changed",
        anchor="changed",
        text=(
            (
                "Between neighbouring builds, and between platforms of one build. A blocker that is new need not be worse: start-up"
                " may get far enough to meet it."
            ),
        ),
        headings=(
            "",
            "experiments with another outcome",
            "fatal blockers gone",
            "fatal blockers new",
            "facts of the sandbox that differ",
        ),
        rows=tuple(rows),
    )


def _is_fatal(blocker: str) -> bool:
    return blocker in RULES and RULES[blocker].fatal


def _reproduce(status: Status, text: Sequence[str]) -> Section:
    builds = list(dict.fromkeys(column.build.name for column in status.plan.columns))
    return Section(
        title="To see it for yourself",
        anchor="reproduce",
        text=(
            *text,
            (
                "As root on x86-64 Linux with Python 3.11 and Go, in a clone of this repository; gVisor, Kubernetes and everything"
                " else is fetched or built and cached. [matrix.md](matrix.md) has the rest."
            ),
        ),
        code=(
            f"nox -s exp13 -- --runsc {builds[-1]}      # one cell, with what happens on the screen",
            "nox -s matrix                        # all of it, in hours; goes on where it was stopped, then makes this page",
            "nox -s matrix -- --runsc latest      # after adding another build to matrix.toml",
            "runner report results/matrix/exp13/RUN    # any run behind a cell, as a page with its timeline",
        ),
    )
