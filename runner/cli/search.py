"""The commands that search: ablate, minimize, threshold.

What this module must not do: decide. It turns words into calls and prints what they return.
"""

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from runner.cli.campaigns import STANDIN_JOBS
from runner.cli.exit_codes import ExitCode
from runner.cli.number import SECONDS, Number
from runner.cli.results import print_json, stdout
from runner.model.kinds import Milestone

if TYPE_CHECKING:
    from runner.model.experiment import Experiment
    from runner.search.running import Runner

Command = TypeVar("Command", bound=Callable[..., Any])

_RUNNING = (
    click.option(
        "--workload", type=click.Choice(["auto", "k3s", "kubernetes", "standin"]), default="auto", show_default=True
    ),
    click.option("--arena", type=click.Choice(["auto", "gvisor", "here", "host"]), default="auto", show_default=True),
    click.option(
        "--mechanism",
        type=click.Choice(["mount", "seccomp", "syscall", "none"]),
        help="Instead of the experiment's own.",
    ),
    click.option("--runsc", default="", metavar="BUILD", help="A build of gVisor, as for run."),
    click.option(
        "--deadline", "deadline_s", type=SECONDS, metavar="S", help="Of each run, instead of the experiment's."
    ),
    click.option(
        "--lead",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="A question counts as answered once so many more of its runs came out one way than the other.",
    ),
    click.option(
        "--budget", "budget_s", type=SECONDS, metavar="S", help="Begin no run that would end later than this."
    ),
    click.option(
        "--results", type=click.Path(file_okay=False, path_type=Path), default=Path("results"), show_default=True
    ),
    click.option(
        "--without",
        "left_out",
        multiple=True,
        metavar="STEP",
        help="Leave this out from the beginning; may be repeated.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    click.option("--markdown", "as_markdown", is_flag=True, help="Markdown on stdout."),
)
_SHARED = (
    click.option("--jobs", type=click.IntRange(min=1), help="Arenas at once; on the stand-in 2, else 1."),
    click.option("--helping", is_flag=True, hidden=True, help="One of the arenas of another process's search."),
)
_GOAL = click.option("--goal", type=click.Choice(get_args(Milestone)), help="Milestone; else the experiment's target.")
_FAULT = "Disturb the runs, e.g. slow-disk=120ms; instead of the experiment's own faults. 'none' drops those."


def running(command: Command) -> Command:
    """The options that all searches share: how runs are made, when enough is known, how it is printed."""
    for option in reversed(_RUNNING):
        command = option(command)
    return command


def shared(command: Command) -> Command:
    """The options of a search that several arenas can be at."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


@click.command()
@click.argument("exp")
@click.option("--pairs", is_flag=True, help="Then also pairs of those that can each be spared.")
@click.option("--fine", is_flag=True, help="Single flags and entries of the view, instead of steps and parts.")
@click.option("--only", multiple=True, metavar="UNIT", help="Only this one; may be repeated.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=AMOUNT]", help=_FAULT)
@shared
@running
def ablate(exp: str, *, pairs: bool, fine: bool, only: tuple[str, ...], faults: tuple[str, ...], **words: Any) -> None:  # noqa: ANN401
    """Take each step, flag and view entry of EXP away in turn, and say what it is for."""
    from runner.core.prepare import PlanError  # noqa: PLC0415
    from runner.formats.searched import of_ablation  # noqa: PLC0415
    from runner.model.units import units  # noqa: PLC0415
    from runner.search.searches import ablate as search  # noqa: PLC0415

    with ExitStack() as stack:
        experiment, trials, runner, where = _begin(stack, exp, faults, words)
        offered = units(experiment, runner.ground.workload.kind, fine=fine)
        unknown = set(only) - {unit.id for unit in offered}
        if unknown:
            offer = ", ".join(unit.id for unit in offered)
            raise PlanError(f"--only {', '.join(sorted(unknown))}: {experiment.name} has no such unit; it has: {offer}")
        chosen = tuple(unit for unit in offered if not only or unit.id in only)
        stack.enter_context(_others(runner, words))
        found = search(experiment, chosen, runner.cell_of, trials, pairs=pairs)
    _print(of_ablation(experiment.name, where, found), found, words)
    sys.exit(_code(found.stopped.stop, nothing=not found.runs, answered=True))


@click.command()
@click.argument("exp")
@_GOAL
@click.option("--fine", is_flag=True, help="Then also single flags and entries of the view.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=AMOUNT]", help=_FAULT)
@click.option("--number", type=click.IntRange(min=1), help="Write the answer as the experiment of this number.")
@shared
@running
def minimize(
    exp: str,
    *,
    goal: Milestone | None,
    fine: bool,
    faults: tuple[str, ...],
    number: int | None,
    **words: Any,  # noqa: ANN401
) -> None:
    """Find a smallest set of EXP's steps, flags and view entries that still reaches a goal (delta debugging)."""
    import experiments  # noqa: PLC0415
    from runner import atomic  # noqa: PLC0415
    from runner.core.prepare import PlanError  # noqa: PLC0415
    from runner.formats.searched import of_minimum  # noqa: PLC0415
    from runner.registry import all_experiments, find  # noqa: PLC0415
    from runner.search.searches import find_minimum  # noqa: PLC0415
    from runner.search.written import experiment_file  # noqa: PLC0415

    if number is not None and number in all_experiments():
        raise PlanError(f"--number {number}: there is an experiment {number} already; choose a free number")
    with ExitStack() as stack:
        experiment, trials, runner, where = _begin(stack, exp, faults, words)
        wanted = goal or experiment.goal_for(runner.ground.workload.kind).target
        stack.enter_context(_others(runner, words))
        found = find_minimum(experiment, wanted, runner.cell_of, trials, fine=fine)
    _print(of_minimum(experiment.name, where, found), found, words)
    if number is not None and found.kept is not None and not words["helping"]:
        name, text = experiment_file(
            find(exp), found, number=number, where=where, left_out=words["left_out"], build=words["runsc"]
        )
        path = Path(experiments.__path__[0]) / name
        atomic.write_text(path, text)
        click.echo(f"written: experiments/{name}", err=True)
    sys.exit(_code(found.stopped.stop, nothing=not found.sets, answered=found.kept is not None))


@click.command()
@click.argument("exp")
@click.option("--fault", "fault", required=True, metavar="NAME", help="What is varied, e.g. slow-disk.")
@click.option(
    "--from", "mildest", required=True, metavar="AMOUNT", help="Where to begin, e.g. 20ms, or 100% of a quota."
)
@click.option("--to", "worst", required=True, metavar="AMOUNT", help="Where to end, e.g. 1s, or 10%.")
@click.option(
    "--precision",
    type=Number(min=0.01),
    default=0.25,
    show_default=True,
    help="The answer's two ends differ by at most this part.",
)
@_GOAL
@running
def threshold(
    exp: str,
    *,
    fault: str,
    mildest: str,
    worst: str,
    precision: float,
    goal: Milestone | None,
    **words: Any,  # noqa: ANN401
) -> None:
    """Find how much of a fault EXP bears: between which two amounts its goal is lost."""
    from runner.core.prepare import PlanError  # noqa: PLC0415
    from runner.formats.searched import of_limit  # noqa: PLC0415
    from runner.model.fault import amount_of, written_amount  # noqa: PLC0415
    from runner.registry import faults_named  # noqa: PLC0415
    from runner.search.searches import find_threshold  # noqa: PLC0415

    varied = (faults_named((fault,)) or (None,))[0]
    if varied is None or amount_of(varied) is None:
        raise PlanError(f"--fault {fault}: name one fault that has a number, e.g. slow-disk")
    try:
        amounts = (written_amount(varied, mildest), written_amount(varied, worst), precision)
    except ValueError as error:
        raise PlanError(f"--from, --to: {error}") from error
    with ExitStack() as stack:
        experiment, trials, runner, where = _begin(stack, exp, ("none",), words)
        wanted = goal or experiment.goal_for(runner.ground.workload.kind).target
        try:
            found = find_threshold(experiment, wanted, varied, amounts, runner.cell_of, trials)
        except ValueError as error:
            raise PlanError(f"--from, --to: {error}") from error
    _print(of_limit(experiment.name, where, found), found, words)
    sys.exit(_code(found.stopped.stop, nothing=not found.tried, answered=found.found is not None))


def _begin(stack: ExitStack, exp: str, faults: tuple[str, ...], words: dict[str, Any]) -> tuple[Any, Any, Any, str]:
    """The experiment with its faults, what runs it, and where, in words."""
    import attrs  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from runner.registry import faults_named, find  # noqa: PLC0415
    from runner.runs import RunOptions  # noqa: PLC0415
    from runner.search.running import runner_for  # noqa: PLC0415
    from runner.search.trials import Trials  # noqa: PLC0415
    from runner.show.progress import ProgressView  # noqa: PLC0415
    from runner.show.searched import progress_line  # noqa: PLC0415

    if words["as_json"] and words["as_markdown"]:
        raise click.UsageError("--json and --markdown are two forms of the same; choose one")
    experiment = _without(find(exp), words["left_out"])
    chosen = faults_named(faults)
    if chosen is not None:
        experiment = attrs.evolve(experiment, faults=chosen)
    options = RunOptions(
        workload=words["workload"],
        arena=words["arena"],
        mechanism=words["mechanism"],
        runsc=words["runsc"],
        deadline_s=words["deadline_s"],
        results=words["results"],
    )
    if words.get("helping"):
        # The search is over, and this process was not at a run: nothing that anybody should be told.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.INTERRUPTED))
    view = stack.enter_context(ProgressView(Console(stderr=True, highlight=False)))
    # Each run's own events would drown the search's; they stand in the run's directory.
    runner = runner_for(options, view.preparing, lambda _event, _judge: None)
    trials = Trials(
        results=words["results"],
        run_cell=runner.run,
        lead=words["lead"],
        budget_s=words["budget_s"],
        tell=lambda at: view.note(progress_line(at)),
    )
    cell = runner.cell_of(experiment)
    parts = (cell.workload, cell.version, "in", cell.arena, cell.runsc, cell.platform, "mechanism", cell.mechanism)
    where = " ".join(part for part in parts if part) + (f", fault {cell.fault}" if cell.fault else "")
    return (
        experiment,
        trials,
        runner,
        where + (f", without {', '.join(left_out)}" if (left_out := words["left_out"]) else ""),
    )


def _without(experiment: "Experiment", names: tuple[str, ...]) -> "Experiment":
    from runner.core.prepare import PlanError  # noqa: PLC0415
    from runner.model.units import without  # noqa: PLC0415

    offered = (*(step.id for step in experiment.steps), *experiment.view.parts)
    unknown = set(names) - set(offered)
    if unknown:
        raise PlanError(
            f"--without {', '.join(sorted(unknown))}: {experiment.name} has no such step or part; it has: {', '.join(offered)}"
        )
    return without(experiment, frozenset(names))


def _others(runner: "Runner", words: dict[str, Any]) -> AbstractContextManager[Any]:
    """The other processes that are at the same search: each runs what nobody else is at."""
    from runner.campaign.helpers import helpers  # noqa: PLC0415

    jobs = words["jobs"] or (STANDIN_JOBS if runner.ground.workload.kind == "standin" else 1)
    return helpers([*sys.argv[1:], "--helping"], 0 if words["helping"] else jobs - 1)


def _print(found: Any, record: object, words: dict[str, Any]) -> None:  # noqa: ANN401
    from runner.core.codec import to_plain  # noqa: PLC0415
    from runner.formats.markdown import found_to_markdown  # noqa: PLC0415
    from runner.show.searched import print_found  # noqa: PLC0415

    if words["as_json"]:
        print_json(to_plain(record))
    elif words["as_markdown"]:
        click.echo(found_to_markdown(found), nl=False)
    else:
        print_found(stdout(), found)


def _code(stop: str, *, nothing: bool, answered: bool) -> ExitCode:
    if stop == "interrupted":
        return ExitCode.INTERRUPTED
    if stop == "broken":
        return ExitCode.HARNESS
    if nothing:
        return ExitCode.NOTHING_RUN
    return ExitCode.AS_EXPECTED if answered and not stop else ExitCode.UNEXPECTED


COMMANDS = (ablate, minimize, threshold)
