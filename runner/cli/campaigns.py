"""The commands that run many cells: series, matrix and merge.

What this module must not do: decide. It turns words into calls, prints what they return, and exits with the contract's code.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from runner.cli.exit_codes import ExitCode
from runner.cli.number import SECONDS
from runner.cli.results import RESULTS, RESULTS_IF_ANY, print_json, refuse_absent, stdout
from runner.core.counted import counted

if TYPE_CHECKING:
    from runner.campaign.drive import Campaign
    from runner.core.cell import Attempt
    from runner.core.matrix import Matrix, Placed, Plan

# A stand-in waits more than it works; k3s has both processors busy, and is timed.
STANDIN_JOBS = 2
FORMATS = click.Choice(["text", "markdown", "json"])


def policy_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how a campaign goes about its cells."""
    for option in (
        click.option("--fresh", is_flag=True, help="Run everything again, also what was finished before."),
        click.option("--retry", is_flag=True, help="Run again what was not to be had, did not start, or broke."),
        click.option("--jobs", type=click.IntRange(min=1), help="Arenas at once; series on the stand-in 2, else 1."),
        click.option("--now", hidden=True, help="What --fresh and --retry count from: given to helpers."),
        click.option(
            "--budget", "budget_s", type=SECONDS, metavar="S", help="Begin no run that would end later than this."
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("exps", metavar="[EXP...]", nargs=-1)
@click.option("--workload", type=click.Choice(["auto", "k3s", "kubernetes", "standin"]), default="auto")
@click.option("--workload-version", default="", metavar="V", help="That version of the workload; with --workload.")
@click.option("--arena", type=click.Choice(["auto", "gvisor", "here", "host"]), default="auto")
@click.option("--runsc", default="", metavar="BUILD", help="A build of gVisor, as for run.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, show_default=True, help="Run each so many times.")
@click.option("--format", "form", type=FORMATS, default="text", show_default=True)
@click.option(
    "--page", type=click.Path(dir_okay=False, path_type=Path), help="Also write the table into this Markdown file."
)
@policy_options
@RESULTS
def series(
    exps: tuple[str, ...],
    *,
    repeat: int,
    form: str,
    page: Path | None,
    results: Path,
    **words: Any,  # noqa: ANN401
) -> None:
    """Run all experiments in order, or EXP..., and print the report's comparison table.

    What was finished before is not run again: a series that was interrupted or killed goes on where it was.
    """
    from runner.campaign.cells import RealCells  # noqa: PLC0415
    from runner.campaign.drive import drive  # noqa: PLC0415
    from runner.campaign.helpers import helpers, together  # noqa: PLC0415
    from runner.campaign.journal import Journal  # noqa: PLC0415
    from runner.campaign.series import series_cells, series_ground  # noqa: PLC0415
    from runner.core.series import series_rows  # noqa: PLC0415
    from runner.pages.series import print_series, where_words, write_series  # noqa: PLC0415
    from runner.registry import all_experiments, find  # noqa: PLC0415
    from runner.runs import RunOptions  # noqa: PLC0415
    from runner.show.campaign import CampaignView  # noqa: PLC0415

    known = all_experiments()
    wanted = [find(exp, known) for exp in exps] or list(known.values())
    jobs, helping = words.pop("jobs"), words["now"] is not None
    words["now"] = now = words["now"] or _now()
    policy = _policy(words, repeat=repeat)
    options = RunOptions(results=results, **words)
    view = CampaignView(_stderr())
    with view.run():
        ground = series_ground(options, view.preparing)
    cells = series_cells(wanted, ground)
    journal = Journal(results)
    run_cell = RealCells(results=results, view=view.run, ground=ground)
    jobs = jobs or (STANDIN_JOBS if ground.workload.kind == "standin" else 1)
    with helpers(_again(now), jobs - 1) as others:
        campaign = together(
            lambda: drive(cells, journal, run_cell, policy, tell=view.tell, arenas=jobs), journal, others
        )
    rows = series_rows(cells, journal.attempts)
    where = where_words(rows, ground)
    print_series(rows, where, form, stdout())
    if page is not None:
        write_series(page, rows, where, results)
    _say_left(campaign, helping=helping)
    sys.exit(series_code(campaign, [attempt for row in rows for attempt in row.attempts]))


@click.group(invoke_without_command=True)
@click.option(
    "--declaration",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("matrix.toml"),
    show_default=True,
    help="The axes.",
)
@click.pass_context
def matrix(context: click.Context, *, declaration: Path) -> None:
    """Run chosen experiments over builds of gVisor and workloads; alone it is `matrix run`."""
    context.obj = declaration
    if context.invoked_subcommand is None:
        context.invoke(matrix_run)


@matrix.command("run")
@click.option("--only", multiple=True, metavar="EXP", help="Only these experiments; more than one may be given.")
@click.option("--runsc", multiple=True, metavar="BUILD", help="Only these builds of the declaration.")
@click.option("--platform", multiple=True, metavar="P", help="Only these platforms of gVisor: systrap, ptrace, kvm.")
@click.option("--workload", multiple=True, metavar="KIND", help="Only these workloads, by kind or with the version.")
@click.option(
    "--arena",
    type=click.Choice(["gvisor", "here"]),
    default="gvisor",
    show_default=True,
    help="'here': in the gVisor around us, instead of the declared builds.",
)
@click.option("--shard", default="1/1", metavar="I/N", show_default=True, help="Only the I-th of N parts.")
@policy_options
@RESULTS
@click.pass_obj
def matrix_run(
    declaration: Path,
    /,
    *,
    only: tuple[str, ...] = (),
    runsc: tuple[str, ...] = (),
    platform: tuple[str, ...] = (),
    workload: tuple[str, ...] = (),
    arena: str = "gvisor",
    shard: str = "1/1",
    results: Path = Path("results"),
    **words: Any,  # noqa: ANN401
) -> None:
    """Run what is left of the matrix, the most informative cells first."""
    from runner.campaign.cells import RealCells  # noqa: PLC0415
    from runner.campaign.drive import drive  # noqa: PLC0415
    from runner.campaign.helpers import helpers, together  # noqa: PLC0415
    from runner.campaign.journal import Journal  # noqa: PLC0415
    from runner.show.campaign import CampaignView  # noqa: PLC0415

    jobs, helping = words.pop("jobs", None) or 1, words.get("now") is not None
    words["now"] = now = words.get("now") or _now()
    declared, plan = _planned(declaration, here=arena == "here")
    placed = _possible_here(_selected(plan, only, runsc, platform, workload, shard))
    cells = [one.cell for one in placed]
    policy = _policy(words, repeat=declared.repeat, in_doubt=declared.in_doubt, order="informative")
    view = CampaignView(_stderr())
    journal = Journal(results)
    run_cell = RealCells(results=results, view=view.run)
    with helpers(_again(now), jobs - 1) as others:
        campaign = together(
            lambda: drive(cells, journal, run_cell, policy, tell=view.tell, arenas=jobs), journal, others
        )
    _print_tally(cells, journal, plan)
    _say_left(campaign, helping=helping)
    sys.exit(matrix_code(campaign, [a for cell in cells for a in journal.attempts.get(cell.fingerprint, ())]))


@matrix.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@RESULTS_IF_ANY
@click.pass_obj
def matrix_show(declaration: Path, /, *, as_json: bool, results: Path) -> None:
    """List the cells, with what is known of each, and the places without a cell, with the reason; runs nothing."""
    from runner.campaign.journal import Journal  # noqa: PLC0415
    from runner.show.matrix import matrix_rows, print_matrix  # noqa: PLC0415

    _, plan = _planned(declaration)
    rows = matrix_rows(plan, Journal(results, adopt=False).attempts)
    if as_json:
        print_json(rows)
    else:
        print_matrix(stdout(), rows)


@matrix.command("page")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/status.md"),
    show_default=True,
    help="The Markdown page; the HTML page is made beside it.",
)
@click.option(
    "--results",
    "directories",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    callback=refuse_absent,
    default=tuple(map(Path, ("results/matrix", "results/series", "results", "results/searches"))),
    show_default=True,
    help="Where attempts are; may be given more than once, and the first that has one is linked.",
)
@click.pass_obj
def matrix_page(declaration: Path, /, *, out: Path, directories: tuple[Path, ...]) -> None:
    """Make the status page from what was run so far: experiment by build, workarounds, what changed and why."""
    from runner.pages.status import write_status  # noqa: PLC0415

    _, plan = _planned(declaration)
    for path in write_status(plan, directories, out):
        click.echo(str(path))


@matrix.command("workflow")
@click.pass_obj
def matrix_workflow(declaration: Path, /) -> None:
    """Print a GitHub Actions workflow that runs the matrix, a job a build and workload, and merges it."""
    from runner.formats.fan_out import workflow  # noqa: PLC0415

    _, plan = _planned(declaration)
    click.echo(workflow(plan, str(declaration)), nl=False)


@matrix.command("jobs")
@click.option("--image", required=True, help="An image with the runner and the workload's binary.")
@click.option("--claim", required=True, help="PersistentVolumeClaim for the results.")
@click.option("--shards", type=click.IntRange(min=1), default=3, show_default=True, help="Pods a workload.")
@click.option("--namespace", default="", help="Else kubectl's own.")
@click.pass_obj
def matrix_jobs(declaration: Path, /, *, image: str, claim: str, shards: int, namespace: str) -> None:
    """Print Kubernetes Jobs that run the matrix in a cluster with a RuntimeClass gvisor; for kubectl apply -f -."""
    from runner.formats.fan_out import jobs  # noqa: PLC0415

    _, plan = _planned(declaration, here=True)
    click.echo(jobs(plan, image=image, claim=claim, shards=shards, namespace=namespace), nl=False)


@click.command()
@click.argument("sources", metavar="DIR...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--into", default=Path("results"), show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--compress", is_flag=True, help="Keep the logs compressed, to be committed.")
def merge(sources: tuple[Path, ...], *, into: Path, compress: bool) -> None:
    """Put the attempts of other results directories, with their runs, into one: shards, or another machine's.

    Merging the same again changes nothing. Cells that the sources do not agree on are named, and kept; that ends with 1.
    """
    from runner.campaign.merge import merge as merged_into  # noqa: PLC0415

    merged = merged_into(into, sources, compress=compress)
    click.echo(f"{counted(merged.taken, 'attempt')} taken, {merged.known} were there")
    for conflict in merged.conflicts:
        click.echo(f"conflict: {conflict}")
    sys.exit(ExitCode.UNEXPECTED if merged.conflicts else ExitCode.AS_EXPECTED)


def _planned(declaration: Path, *, here: bool = False) -> "tuple[Matrix, Plan]":
    from runner.campaign.declaration import plan_of, read_matrix  # noqa: PLC0415

    declared = read_matrix(declaration)
    return declared, plan_of(declared, here=here)


def _selected(
    plan: "Plan",
    only: tuple[str, ...],
    runsc: tuple[str, ...],
    platform: tuple[str, ...],
    workload: tuple[str, ...],
    shard: str,
) -> "list[Placed]":
    from runner.core.matrix import shard as part  # noqa: PLC0415
    from runner.registry import find  # noqa: PLC0415

    number, slash, of = shard.partition("/")
    if not slash or not number.isdecimal() or not of.isdecimal():
        raise click.BadParameter(f"{shard!r}: write i/n, e.g. 1/3", param_hint="--shard")
    names = {find(word).name for word in only}
    unknown = sorted(set(runsc) - {column.build.name for column in plan.columns})
    unknown += sorted(set(platform) - {column.platform for column in plan.columns})
    kinds = {column.workload.kind for column in plan.columns} | {str(column.workload) for column in plan.columns}
    unknown += sorted(set(workload) - kinds)
    if unknown:
        raise click.UsageError(f"not in the declaration: {', '.join(unknown)}")
    chosen = [
        one
        for one in plan.placed
        if (not names or one.cell.experiment.name in names)
        and (not runsc or one.column.build.name in runsc)
        and (not platform or one.column.platform in platform)
        and (not workload or {one.cell.workload, str(one.column.workload)} & set(workload))
    ]
    return list(part(chosen, int(number), int(of)))


def _possible_here(placed: "list[Placed]") -> "list[Placed]":
    """Without the cells that this machine cannot run, which are said, with the reason."""
    from runner.campaign.declaration import refused_here  # noqa: PLC0415

    reasons = [refused_here(one) for one in placed]
    for one, reason in zip(placed, reasons, strict=True):
        if reason:
            click.echo(f"left out, {reason}: {one.cell.circumstances}", err=True)
    return [one for one, reason in zip(placed, reasons, strict=True) if not reason]


def _now() -> str:
    from runner.host.clock import utc  # noqa: PLC0415

    return utc(time.time())


def _again(now: str) -> list[str]:
    """The words of this very command, for a helper: it begins at the same time and has no helpers of its own."""
    return [*sys.argv[1:], "--jobs", "1", "--now", now]


def _policy(words: dict[str, Any], **more: Any) -> Any:  # noqa: ANN401  the policy's own fields
    from runner.core.agenda import Policy  # noqa: PLC0415

    now = words.pop("now")
    return Policy(
        anew_since=now if words.pop("fresh", False) else "",
        retry_since=now if words.pop("retry", False) else "",
        budget_s=words.pop("budget_s", None),
        **more,
    )


def _print_tally(cells: Any, journal: Any, plan: "Plan") -> None:  # noqa: ANN401
    from runner.core.agenda import tally  # noqa: PLC0415

    counts = tally(cells, journal.attempts)
    said = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    click.echo(f"{counted(len(cells), 'cell')}: {said}; {counted(len(plan.impossible), 'place')} without a cell")


def _say_left(campaign: "Campaign", *, helping: bool) -> None:
    if campaign.left and not helping:
        why = {
            "budget": "did not fit into the budget",
            "interrupted": "interrupted",
            "elsewhere": "another campaign is at them",
            "complete": "",
        }[campaign.end]
        said = f"{counted(len(campaign.left), 'cell')} left ({why}); the same command goes on from here"
        click.echo(said, err=True)


def series_code(campaign: "Campaign", attempts: "list[Attempt]") -> ExitCode:
    """The contract's code for a series: the worst of what its rows rest on."""
    if campaign.end == "interrupted":
        return ExitCode.INTERRUPTED
    if not attempts:
        return ExitCode.NOTHING_RUN
    outcomes = [attempt.outcome for attempt in attempts]
    if any(outcome.verdict == "error" for outcome in outcomes):
        return ExitCode.HARNESS
    if any(outcome.ending == "ran" and not outcome.as_expected for outcome in outcomes):
        return ExitCode.UNEXPECTED
    return ExitCode.SKIPPED if all(outcome.ending == "unavailable" for outcome in outcomes) else ExitCode.AS_EXPECTED


def matrix_code(campaign: "Campaign", attempts: "list[Attempt]") -> ExitCode:
    """A matrix maps: an outcome that is not the declared one, or a version that does not start, is what it looks for."""
    if campaign.end == "interrupted":
        return ExitCode.INTERRUPTED
    if not any(attempt.outcome.milestones for attempt in attempts):
        return ExitCode.NOTHING_RUN
    broke = any(a.outcome.ending == "ran" and a.outcome.verdict == "error" for a in attempts)
    return ExitCode.HARNESS if broke else ExitCode.AS_EXPECTED


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


COMMANDS = (series, matrix, merge)
