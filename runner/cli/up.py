"""The commands for a cluster to use: ``up`` and ``kubectl``."""

import os
import sys
from pathlib import Path
from typing import Any

import click
import trio
from rich.console import Console

from runner.cli.exit_codes import ExitCode, exit_code

# What leads furthest today: pods with networks of their own, services, and their names.
BEST_KNOWN = "exp69"
CONTROL_PLANE = "exp05"


@click.command()
@click.argument("exp", required=False)
@click.option(
    "--control-plane-only", is_flag=True, help="API server, controllers and scheduler, and no node: in seconds."
)
@click.option("--workload", type=click.Choice(["auto", "k3s", "kubernetes"]), default="auto", show_default=True)
@click.option("--arena", type=click.Choice(["auto", "gvisor", "here"]), default="auto", show_default=True)
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    metavar="TAR",
    help="Archive of a container image (docker save, or OCI) that pods shall find.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1 for the API; a free one unless said."
)
@click.option(
    "--without", multiple=True, metavar="STEP", help="Leave a step or view part out; 'view' is the whole view."
)
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default=Path("results"), show_default=True)
def up(exp: str | None, *, control_plane_only: bool, images: tuple[str, ...], port: int, **words: Any) -> None:  # noqa: ANN401
    """Bring up a cluster in a sandbox and keep it until Ctrl-C.

    EXP is an experiment whose steps are the recipe; the best known one unless said. Its questions are left out.
    """
    from runner.conduct import now  # noqa: PLC0415
    from runner.registry import find  # noqa: PLC0415
    from runner.runs import RunOptions  # noqa: PLC0415
    from runner.show.progress import ProgressView  # noqa: PLC0415
    from runner.show.table import print_result  # noqa: PLC0415
    from runner.show.welcome import print_welcome  # noqa: PLC0415
    from runner.up.archive import suffix_of  # noqa: PLC0415
    from runner.up.recipe import recipe  # noqa: PLC0415
    from runner.up.serve import Voice, keep_up  # noqa: PLC0415

    began = now()
    if exp and control_plane_only:
        raise click.UsageError("--control-plane-only is a recipe of its own: leave EXP or the option out")
    archives = {path: suffix_of(Path(path)) for path in images}
    chosen = recipe(find(exp or (CONTROL_PLANE if control_plane_only else BEST_KNOWN)), images=archives)
    options = RunOptions(**words)
    stdout, stderr = Console(highlight=False), Console(stderr=True, highlight=False)
    with ProgressView(stderr) as view:
        voice = Voice(
            opened=lambda notice, plan: print_welcome(stdout, notice, plan),
            health=lambda line: view.note(f"health: {line}"),
            see=view.see,
            preparing=view.preparing,
        )

        async def run() -> Any:  # noqa: ANN401
            return await keep_up(chosen, options, port=port, began=began, voice=voice)

        lived = trio.run(run)
    if lived.usable and lived.result.verdict != "error" and lived.result.ended_by.reason == "target-reached":
        click.echo(f"the cluster is gone, the machine is as before; evidence: {lived.directory}", err=True)
        sys.exit(ExitCode.AS_EXPECTED)
    print_result(stderr, lived.result, str(lived.directory))
    sys.exit(exit_code((lived.result,)) or ExitCode.UNEXPECTED)


# Every word is kubectl's, "--" included.
@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def kubectl(words: tuple[str, ...]) -> None:
    """Run kubectl with WORDS... against the cluster that ``runner up`` keeps."""
    from runner.up.notice import running  # noqa: PLC0415
    from runner.up.serve import kubectl_environment  # noqa: PLC0415

    found = running()
    if not found:
        click.echo("error: no cluster runs; start one in another terminal: runner up", err=True)
        sys.exit(ExitCode.SKIPPED)
    notice = found[0]
    os.execve(notice.kubectl, ["kubectl", *words], kubectl_environment(notice.kubeconfig))  # noqa: S606


COMMANDS = (up, kubectl)
