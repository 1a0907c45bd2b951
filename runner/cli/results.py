"""The commands about results that are there: compare, accept, report.

What this module must not do: decide. It turns words into calls, prints what they return, and exits with the contract's code.
"""

import io
import json
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console

from runner.cli.exit_codes import ExitCode
from runner.cli.number import Number

if TYPE_CHECKING:
    from runner.core.compared import Comparison
    from runner.core.gate import Gate

_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
# RUN may be -1 or -2, which click would take for options.
RUN_WORDS = {"ignore_unknown_options": True}


def _absent_though_named(context: click.Context, parameter: click.Parameter, directories: Sequence[Path]) -> list[Path]:
    """Directories that the user named and that are not there: a default need not exist yet, a name is meant."""
    named = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    completing = context.resilient_parsing
    return [path for path in directories if named and not completing and not path.is_dir()]


def _say_if_absent(context: click.Context, parameter: click.Parameter, results: Path) -> Path:
    if _absent_though_named(context, parameter, (results,)):
        click.echo(f"note: {results}: no such directory, so nothing counts as run", err=True)
    return results


def refuse_absent(
    context: click.Context, parameter: click.Parameter, directories: tuple[Path, ...]
) -> tuple[Path, ...]:
    """Callback of an option that names directories with runs: each that is named must be there."""
    from runner.host.store import NoSuchRunError  # noqa: PLC0415

    for absent in _absent_though_named(context, parameter, directories):
        raise NoSuchRunError(f"{absent}: no such directory; name one in which a matrix or series was run")
    return directories


_results = partial(
    click.option,
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
)
RESULTS = _results()
RESULTS_IF_ANY = _results(callback=_say_if_absent)
"""For commands that answer without any results as well: a directory that was named and is not there is said, not refused."""


def complete_run(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names that a shell offers for RUN: experiments that have runs, and the words for the newest."""
    results = context.params.get("results") or Path("results")
    stored = sorted(path.name for path in Path(results).glob("exp*") if path.is_dir())
    words = [*stored, *(f"{name}/baseline" for name in stored), "baseline", "latest", "-1", "-2"]
    return [word for word in words if word.startswith(incomplete)]


GATE_CODES = {
    "pass": ExitCode.AS_EXPECTED,
    "flaky": ExitCode.AS_EXPECTED,
    "inconclusive": ExitCode.AS_EXPECTED,
    "regression": ExitCode.UNEXPECTED,
    "nothing-measured": ExitCode.NOTHING_RUN,
    "harness-error": ExitCode.HARNESS,
}
# Of several answers the first of these ends the command.
WORST_FIRST = (ExitCode.HARNESS, ExitCode.UNEXPECTED, ExitCode.NOTHING_RUN, ExitCode.AS_EXPECTED)


@click.command(context_settings=RUN_WORDS)
@click.argument("runs", metavar="[RUN...]", nargs=-1, shell_complete=complete_run)
@click.option(
    "--baseline", is_flag=True, help="Compare each RUN with its promoted baseline; no RUN: the newest of each."
)
@click.option(
    "--last", type=click.IntRange(min=1), default=1, help="Let expNN mean that many of its newest runs, as repeats."
)
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json", "csv"]), default="text", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option(
    "--factor",
    type=Number(min=1),
    default=1.25,
    show_default=True,
    help="Times differ from this ratio of their medians on.",
)
@click.option(
    "--min-delta",
    "difference_s",
    type=Number(min=0),
    default=1.0,
    show_default=True,
    metavar="S",
    help="And from this difference of their medians on, in seconds.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 also when repeats disagree or something could not be told.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also on a regression: just asking.")
@RESULTS
def compare(
    runs: tuple[str, ...],
    *,
    baseline: bool,
    last: int,
    form: str,
    as_json: bool,
    factor: float,
    difference_s: float,
    strict: bool,
    exit_zero: bool,
    results: Path,
) -> None:
    """Say what changed between runs, and whether something got worse.

    RUN is a path, expNN, expNN/baseline, baseline, latest, -1, -2, a run id, a directory of runs, or several of these joined
    by commas (repeats of one thing). The first RUN is what the others are compared with.
    """
    from runner.core.compare_times import Thresholds  # noqa: PLC0415
    from runner.core.gate import gate  # noqa: PLC0415
    from runner.stored.comparing import against_baselines, side_by_side  # noqa: PLC0415

    refuse_options(runs)
    if not baseline and len(runs) < 2:  # noqa: PLR2004  a comparison has two sides
        raise click.UsageError("name two runs, or one and --baseline")
    find_sides = against_baselines if baseline else side_by_side
    thresholds = Thresholds(factor=factor, difference_s=difference_s)
    comparisons, problems = find_sides(results, runs, last=last, thresholds=thresholds)
    judged = [(one, [gate(one, side) for side in range(1, len(one.sides))]) for one in comparisons]
    for problem in problems:
        click.echo(f"error: {problem.what}", err=True)
    _print_comparisons(judged, "json" if as_json else form)
    _tell_github(judged)
    gates = [one for _, found in judged for one in found]
    codes = [GATE_CODES[one.verdict] for one in gates]
    codes += [ExitCode.UNEXPECTED for one in gates if strict and one.verdict in {"flaky", "inconclusive"}]
    codes += [ExitCode.NOTHING_RUN if problem.nothing_there else ExitCode.HARNESS for problem in problems]
    code = next((code for code in WORST_FIRST if code in codes), ExitCode.NOTHING_RUN)
    sys.exit(ExitCode.AS_EXPECTED if exit_zero and code == ExitCode.UNEXPECTED else code)


@click.command(context_settings=RUN_WORDS)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
@click.option("--last", type=click.IntRange(min=1), default=1, help="Let expNN mean that many of its newest runs.")
@click.option("--dry-run", is_flag=True, help="Only show what it would change.")
@RESULTS
def accept(runs: tuple[str, ...], *, last: int, dry_run: bool, results: Path) -> None:
    """Make RUN the baseline of its experiment: show what that changes, then copy its result and compressed logs.

    Several RUNs are repeats of one run: with three or more on both sides, the gate also judges times.
    """
    from runner.core.gate import gate  # noqa: PLC0415
    from runner.host.store import StoreError  # noqa: PLC0415
    from runner.show.compared import print_comparison  # noqa: PLC0415
    from runner.stored.baseline import baseline_files, baseline_name, promote, read_promotable  # noqa: PLC0415
    from runner.stored.comparing import against_baselines  # noqa: PLC0415
    from runner.stored.sides import files_of  # noqa: PLC0415

    refuse_options(runs)
    files = [path for word in runs for path in files_of(results, word, last=last)]
    name = baseline_name(read_promotable(files)[0])
    try:
        baseline_files(results, name)
    except StoreError:
        click.echo(f"{name}: no baseline yet, this is the first", err=True)
    else:
        comparisons, problems = against_baselines(results, [",".join(str(path) for path in files)])
        for problem in problems:
            click.echo(f"error: {problem.what}; it will be replaced", err=True)
        for one in comparisons:
            print_comparison(stdout(), one, [gate(one)])
    if dry_run:
        click.echo(f"would promote {', '.join(str(path) for path in files)} to {name}", err=True)
        return
    for path in promote(results, files):
        click.echo(str(path))


@click.command(context_settings=RUN_WORDS)
@click.argument("runs", metavar="[RUN...]", nargs=-1, shell_complete=complete_run)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "rows", "junit", "tap", "github", "csv", "json"]),
    default="html",
    show_default=True,
    help="rows: Markdown, a row a run; github: Markdown appended to the job summary.",
)
@click.option("--index", is_flag=True, help="The page over all stored runs instead: RESULTS/index.html.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead of the usual place."
)
@RESULTS
def report(runs: tuple[str, ...], *, form: str, index: bool, out: Path | None, results: Path) -> None:
    """Make a report of RUN: by default one HTML file that needs nothing beside it, report.html in the run's directory.

    The path of what was written, or the text itself, goes to stdout.
    """
    from runner.pages.reporting import report_files, text_of, write_index, write_page, write_report  # noqa: PLC0415

    refuse_options(runs)
    if index:
        if runs or form != "html":
            raise click.UsageError("--index is one HTML page over all runs: leave RUN and --format out")
        click.echo(str(write_index(results, out)))
        return
    if not runs:
        raise click.UsageError("name a RUN, or --index")
    found, problems = report_files(results, runs, repeats=form != "html")
    for problem in problems:
        click.echo(f"error: {problem.what}", err=True)
    if form == "html":
        if out is not None and len(found) > 1:
            raise click.UsageError("--out takes one RUN: each page is a file of its own")
        for path, result in found:
            click.echo(str(write_page(results, path, result, out)))
    elif found or form in {"junit", "tap"}:
        text = text_of(form, [result for _, result in found], problems)
        if form == "github":
            append_summary(text)
        if out is not None:
            click.echo(str(write_report(out, text)))
        elif form != "github" or not os.environ.get("GITHUB_STEP_SUMMARY"):
            click.echo(text, nl=False)
    codes = [ExitCode.NOTHING_RUN if problem.nothing_there else ExitCode.HARNESS for problem in problems]
    sys.exit(next((code for code in WORST_FIRST if code in codes), ExitCode.AS_EXPECTED))


def stdout() -> Console:
    """The console for results; a pipe has no width, and the default of 80 would fold evidence beyond recognition."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200, file=_Trimmed())


class _Trimmed(io.StringIO):
    """Standard output without the blanks with which tables fill their lines: in a file or a pipe they are in the way."""

    def write(self, text: str) -> int:
        click.echo(_TRAILING.sub("", text), nl=False)
        return len(text)


def print_json(document: object) -> None:
    """One JSON document."""
    click.echo(json.dumps(document, indent=2))


def append_summary(markdown: str) -> None:
    """Add to GitHub's job summary where there is one, below its cap."""
    from runner.formats.github import summary  # noqa: PLC0415

    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    try:
        already = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8") as file:
            file.write(summary(markdown, already))
    except OSError as error:
        click.echo(f"cannot write the job summary {path}: {error.strerror}", err=True)


def refuse_options(runs: Sequence[str]) -> None:
    """Refuse words that begin like options but are no -1, -2: click lets unknown options through for these."""
    for word in runs:
        if word.startswith("-") and not word[1:].split(",")[0].isdecimal():
            raise click.UsageError(f"no such option: {word}")


def _print_comparisons(judged: "Sequence[tuple[Comparison, Sequence[Gate]]]", form: str) -> None:
    from runner.core.codec import to_plain  # noqa: PLC0415
    from runner.formats.csv_table import comparison_to_csv  # noqa: PLC0415
    from runner.formats.markdown import comparison_to_markdown  # noqa: PLC0415
    from runner.show.compared import print_comparison  # noqa: PLC0415

    if form == "json":
        documents = [{**to_plain(one), "gates": [to_plain(gate) for gate in gates]} for one, gates in judged]
        print_json({"comparisons": documents})
        return
    for one, gates in judged:
        if form == "markdown":
            click.echo(comparison_to_markdown(one, gates))
        elif form == "csv":
            click.echo(comparison_to_csv(one), nl=False)
        else:
            print_comparison(stdout(), one, gates)


def _tell_github(judged: "Sequence[tuple[Comparison, Sequence[Gate]]]") -> None:
    from runner.formats.github import annotations  # noqa: PLC0415
    from runner.formats.markdown import comparison_to_markdown  # noqa: PLC0415

    for one, gates in judged:
        append_summary(comparison_to_markdown(one, gates))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            # GitHub's runner reads commands from both streams; stdout carries the result and nothing else.
            for line in annotations(gates, one):
                click.echo(line, err=True)


COMMANDS = (compare, accept, report)
