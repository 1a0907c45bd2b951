"""A run as one HTML file that needs nothing beside it, and an index over many.

Templates hold the layout, styles and the small script that zooms are put inside, so the file works from disk, in a mail and as
a CI artifact. Everything from logs goes through the template engine's escaping.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup, escape

from runner.core.blockers import RULES
from runner.core.milestones import MILESTONES
from runner.formats.sections import PLAIN_SIGNS, Section
from runner.formats.status import INTRODUCTION, TITLE
from runner.formats.words import furthest, headline, rerun_command, where
from runner.model.result import RunResult
from runner.report.evidence import Evidence, references
from runner.report.svg import NARROW, WIDE, ladder_svg, timeline_svg
from runner.stored.history import Summary

HISTORY: Final = 60
WORDS: Final = {
    "pass": "passed",
    "fail": "failed",
    "inconclusive": "inconclusive",
    "error": "broke",
    "skipped": "skipped",
}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("runner.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _prose(text: str) -> Markup:
    """Sentences with code in back-ticks and links, as Markdown has them."""
    safe = str(escape(text))
    coded = re.sub(r"`([^`]*)`", r"<code>\1</code>", safe)
    return Markup(re.sub(r"\[([^\]]*)\]\(([^)\s]*)\)", r'<a href="\2">\1</a>', coded))  # noqa: S704  escaped above


def _asset(name: str) -> Markup:
    # Ours, not data: a style sheet or script that is part of the package.
    return Markup((files("runner.report") / "templates" / name).read_text(encoding="utf-8"))  # noqa: S704


def run_page(result: RunResult, evidence: Evidence) -> str:
    """The report of one run."""
    started_s = next((rung.at_s for rung in result.milestones if rung.id == "workload-started"), None)
    shown = evidence.timeline
    pictures = [timeline_svg(result, shown, layout) for layout in (WIDE, NARROW)] if shown else []
    return (
        _environment()
        .get_template("run.html.j2")
        .render(
            style=_asset("style.css"),
            script=_asset("zoom.js"),
            result=result,
            rules=RULES,
            started_s=started_s,
            headline=headline(result),
            where=where(result),
            furthest=furthest(result),
            verdict_word=WORDS[result.verdict],
            rerun=rerun_command(result),
            pictures=[Markup(picture) for picture in pictures],  # noqa: S704  made by us, texts in it are escaped there
            references=references,
            excerpts=evidence.excerpts,
            missing=evidence.missing,
        )
    )


def index_page(runs: Sequence[Summary], baselines: Sequence[Summary], declared: Mapping[str, str], root: Path) -> str:
    """The index over all stored runs.

    Args:
        runs: All runs, by experiment, oldest first.
        baselines: The promoted results.
        declared: Questions by experiment, of all that are declared.
        root: Where the page will lie; links are relative to it.
    """
    by_experiment = {name: list(group) for name, group in groupby(runs, key=lambda run: run.experiment)}
    promoted = {(run.experiment, run.workload): run for run in baselines}
    names = sorted({*by_experiment, *declared, *(run.experiment for run in baselines)})
    rows = [
        {
            "name": name,
            "question": declared.get(name, "no longer declared"),
            "total": len(by_experiment.get(name, [])),
            "latest": by_experiment[name][-1] if name in by_experiment else None,
            "history": [(run, _link(run, root)) for run in by_experiment.get(name, [])[-HISTORY:]],
            "baselines": [run for (experiment, _), run in sorted(promoted.items()) if experiment == name],
        }
        for name in names
    ]
    ladder = [
        (f"{name} {run.workload} {run.version}".strip(), run)
        for name in names
        for run in _shown_on_the_ladder(by_experiment.get(name, []), [r for r in baselines if r.experiment == name])
    ]
    return (
        _environment()
        .get_template("index.html.j2")
        .render(
            style=_asset("style.css"),
            rows=rows,
            total=len(runs),
            broken=[run for run in runs if run.problem],
            ladders=[Markup(ladder_svg(ladder, layout)) for layout in (WIDE, NARROW)] if ladder else [],  # noqa: S704  as above
            milestones=MILESTONES,
            most=HISTORY,
        )
    )


def status_page(found: Sequence[Section], made: str) -> str:
    """The status page of a matrix: the same sections as in Markdown."""
    return (
        _environment()
        .get_template("status.html.j2")
        .render(
            style=_asset("style.css"),
            title=TITLE,
            introduction=INTRODUCTION,
            made=made,
            sections=found,
            signs=PLAIN_SIGNS,
        )
    )


def _shown_on_the_ladder(runs: Sequence[Summary], baselines: Sequence[Summary]) -> list[Summary]:
    """The newest whole run of each kind of workload, else its baseline."""
    newest: dict[str, Summary] = {}
    for run in (*baselines, *runs):
        if not run.problem and run.state == "finished" and not run.left_out:
            newest[run.workload] = run
    return list(newest.values())


def _link(run: Summary, root: Path) -> str:
    directory = Path(run.path).parent
    target = directory / "report.html"
    shown = target if target.is_file() else Path(run.path)
    return str(shown.relative_to(root)) if shown.is_relative_to(root) else str(shown)
