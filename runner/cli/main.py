"""The command line: words in, results on stdout, everything else on stderr, exit code by the contract."""

import errno
import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import click
import trio
from rich.console import Console

from runner.cli import campaigns, knowledge, search, up
from runner.cli import results as stored_results
from runner.cli.exit_codes import ExitCode, exit_code
from runner.cli.number import SECONDS
from runner.cli.results import print_json, stdout
from runner.log import configure_log, log

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _ReaderGoneError(Exception):
    """Nobody reads standard output any more."""


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, SystemExit) as error:
            # click would make an exit with 1 of a broken pipe, as rich has done already, and 1 is a regression.
            if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
                raise _ReaderGoneError from error
            raise


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="The tool's own log in detail, on stderr.")
@click.version_option(package_name="k3s-in-gvisor-runner")
def cli(*, verbose: bool) -> None:
    """Run real k3s inside a real gVisor sandbox, as numbered experiments that leave evidence."""
    configure_log(verbose=verbose)


@cli.command()
@click.argument("exp")
def show(exp: str) -> None:
    """Show what experiment EXP declares: steps, view, assertions, expected outcome."""
    from runner.registry import find  # noqa: PLC0415
    from runner.show.declaration import print_declaration  # noqa: PLC0415

    print_declaration(stdout(), find(exp))


@cli.command()
@click.argument("exps", metavar="EXP...", nargs=-1, required=True)
@click.option(
    "--workload",
    type=click.Choice(["auto", "k3s", "kubernetes", "standin", "replay"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--arena",
    type=click.Choice(["auto", "gvisor", "here", "host"]),
    default="auto",
    show_default=True,
    help="'host' is plain Linux in namespaces of its own, as a control; only ever on request.",
)
@click.option(
    "--mechanism", type=click.Choice(["mount", "seccomp", "syscall", "none"]), help="Instead of the experiment's own."
)
@click.option(
    "--runsc",
    default="",
    metavar="BUILD",
    help="A build of gVisor: 2022-12, 2025-05, 2025-10, 2026-09, latest, or a version of its Go module.",
)
@click.option(
    "--workload-version", default="", metavar="V", help="That version of the workload, e.g. v1.35.4; with --workload."
)
@click.option(
    "--platform",
    type=click.Choice(["", "systrap", "ptrace", "kvm"]),
    default="",
    metavar="[systrap|ptrace|kvm]",
    help="gVisor's; else the usual one of the build.",
)
@click.option(
    "--network",
    type=click.Choice(["", "sandbox", "host"]),
    default="",
    metavar="[sandbox|host]",
    help="gVisor's; else the usual one of the build.",
)
@click.option(
    "--without", multiple=True, metavar="STEP", help="Leave a step or view part out; 'view' is the whole view."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=AMOUNT]",
    help="Disturb the run, e.g. slow-disk=120ms; instead of the experiment's own faults. 'none' drops those.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recorded log for --workload replay.",
)
@click.option("--repeat", type=click.IntRange(min=1), default=1, show_default=True, help="Run each so many times.")
@click.option(
    "--deadline",
    "deadline_s",
    type=SECONDS,
    metavar="S",
    help="Seconds from the workload's start, instead of the experiment's own.",
)
@click.option("--keep", is_flag=True, help="Leave the workload running at the end, until Ctrl-C.")
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default=Path("results"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout: the list of results.")
def run(
    exps: tuple[str, ...],
    *,
    repeat: int,
    logs: tuple[Path, ...],
    faults: tuple[str, ...],
    as_json: bool,
    **words: Any,  # noqa: ANN401
) -> None:
    """Run experiments EXP... and judge them.

    EXP is a number, expNN or the slug.
    """
    from runner.conduct import now  # noqa: PLC0415
    from runner.core.codec import results_to_json  # noqa: PLC0415
    from runner.registry import all_experiments, faults_named, find  # noqa: PLC0415
    from runner.runs import RunOptions, run_experiment  # noqa: PLC0415
    from runner.show.progress import ProgressView  # noqa: PLC0415
    from runner.show.table import print_result  # noqa: PLC0415

    began = now()
    known = all_experiments()
    wanted = [find(exp, known) for exp in exps]
    if (words["workload"] == "replay") != bool(logs):
        raise click.UsageError("--workload replay needs --log FILE, and --log is only for it")
    options = RunOptions(**words, faults=faults_named(faults))
    results = []
    for experiment in (experiment for experiment in wanted for _ in range(repeat)):
        with ProgressView(_stderr()) as view:
            if logs:
                from runner.recorded.replay import replay  # noqa: PLC0415

                result, directory = replay(experiment, logs, options, began=began)
            else:
                job = partial(
                    run_experiment, experiment, options, began=began, progress=view.preparing, watcher=view.see
                )
                result, directory = trio.run(job)
        log().info("run.finished", experiment=experiment.name, verdict=result.verdict, directory=str(directory))
        if not as_json:
            print_result(stdout(), result, str(directory))
        results.append(result)
        began = now()
        if result.ended_by.reason == "interrupted":
            break
    if as_json:
        click.echo(results_to_json(results), nl=False)
    sys.exit(exit_code(tuple(results)))


@cli.command()
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def classify(logs: tuple[str, ...], *, as_json: bool) -> None:
    """Name the milestones and blockers in recorded LOG files ('-' is standard input; .gz is read as such)."""
    from runner.recorded.classify import classify_log  # noqa: PLC0415
    from runner.recorded.logfile import ReplayError  # noqa: PLC0415
    from runner.show.classified import print_classified  # noqa: PLC0415

    found, unread = [], 0
    for name in logs:
        try:
            found.append(classify_log(name))
        except ReplayError as error:  # the others are still looked at
            click.echo(f"error: {error}", err=True)
            unread += 1
    if as_json:
        from runner.core.codec import to_plain  # noqa: PLC0415

        print_json(to_plain(found))
    else:
        for one in found:
            print_classified(stdout(), one)
    sys.exit(ExitCode.NOTHING_RUN if unread or any(not one.lines for one in found) else ExitCode.AS_EXPECTED)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def doctor(*, as_json: bool) -> None:
    """Probe what this machine can do for a run, by trying it; changes nothing."""
    from runner.core.codec import to_plain  # noqa: PLC0415
    from runner.doctor import examine  # noqa: PLC0415
    from runner.show.checkup import print_checkup  # noqa: PLC0415

    checks = trio.run(examine)
    if as_json:
        print_json(to_plain(checks))
    else:
        print_checkup(stdout(), checks)
    failed = any(check.state == "fail" for check in checks)
    sys.exit(ExitCode.SKIPPED if failed else ExitCode.AS_EXPECTED)


_COMMANDS = (
    *stored_results.COMMANDS,
    *knowledge.COMMANDS,
    *campaigns.COMMANDS,
    *search.COMMANDS,
    *up.COMMANDS,
)
for command in _COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point: turns every expected error into one message and its exit code."""
    from runner.cli.errors import exit_code_of, lone  # noqa: PLC0415

    # Raised as KeyboardInterrupt also by SIGTERM while nothing runs yet; a run installs its own handling.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        try:
            cli.main(standalone_mode=False)
        finally:
            # Here, and not when Python ends, where an error could only be ignored.
            sys.stdout.flush()
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show(sys.stderr)
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except (BrokenPipeError, _ReaderGoneError):
        # The reader of our output went away (`| head`): nothing is wrong, and nothing more can be said to it.
        _drop_output()
        sys.exit(ExitCode.AS_EXPECTED)
    except Exception as error:  # noqa: BLE001  the last place that can name it
        code = exit_code_of(error)
        if isinstance(error, OSError) and error.errno in NO_SPACE and error.filename is None:
            _drop_output()
            click.echo(f"error: cannot write the output: {error.strerror}; free some space there", err=True)
            sys.exit(ExitCode.HARNESS)
        if code is None:
            # A bug of ours. Python's own exit code for it, 1, would read as an unexpected outcome.
            traceback.print_exc()
            sys.exit(ExitCode.HARNESS)
        click.echo(f"error: {lone(error)}", err=True)
        sys.exit(code)


def _drop_output() -> None:
    """What could not be written is not written; Python would try it once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)
