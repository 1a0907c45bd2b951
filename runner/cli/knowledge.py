"""The commands about what is known and stored: explain, bundle, list, completion, schema.

What this module must not do: decide. It turns words into calls and prints what they return.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from runner.cli.exit_codes import ExitCode
from runner.cli.results import RESULTS, RESULTS_IF_ANY, RUN_WORDS, complete_run, print_json, refuse_options, stdout

SHELLS = ("bash", "zsh", "fish")
# How much of a mistyped name must fit, 0 to 1, for it to be offered.
LIKE = 0.6


def _blockers(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from runner.core.blockers import RULES  # noqa: PLC0415

    return [name for name in RULES if name.startswith(incomplete)]


def _near(word: str, names: Iterable[str]) -> list[str]:
    """Up to three names that hold the word, or are spelt like it as a whole or in one part."""
    from difflib import SequenceMatcher  # noqa: PLC0415

    def likeness(name: str) -> float:
        return max(SequenceMatcher(None, word, part).ratio() + (word in part) for part in (name, *name.split("-")))

    return [name for name in sorted(names, key=likeness, reverse=True)[:3] if likeness(name) >= LIKE]


@click.command()
@click.argument("blocker", required=False, shell_complete=_blockers)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option(
    "--markdown",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a page for every blocker and an index there instead (docs/blockers).",
)
@RESULTS_IF_ANY
def explain(blocker: str | None, *, as_json: bool, markdown: Path | None, results: Path) -> None:
    """Say what is known about BLOCKER: symptom, cause, workaround, upstream threads, and where it was seen or overcome.

    Without BLOCKER, list all.
    """
    from runner.core.blockers import RULES  # noqa: PLC0415
    from runner.core.codec import to_plain  # noqa: PLC0415
    from runner.pages.blockers import met_in_the_matrix, write_blocker_pages  # noqa: PLC0415
    from runner.show.explained import print_all, print_rule  # noqa: PLC0415
    from runner.stored.sightings import matrix_sightings, sightings  # noqa: PLC0415

    if markdown is not None:
        if blocker is not None or as_json:
            raise click.UsageError("--markdown writes a page for every blocker: leave BLOCKER and --json out")
        for path in write_blocker_pages(markdown):
            click.echo(str(path))
        return
    if blocker is None:
        if as_json:
            print_json([to_plain(rule) for rule in RULES.values()])
        else:
            print_all(stdout(), RULES)
        return
    rule = RULES.get(blocker)
    if rule is None:
        near = _near(blocker, RULES)
        offer = f"did you mean {', '.join(near)}?" if near else "runner explain lists all"
        raise click.UsageError(f"no blocker {blocker!r}; {offer}")
    met = met_in_the_matrix((results / "matrix", results / "series")).by_blocker[rule.id]
    seen = (*sightings(results, rule.id), *matrix_sightings(met))
    if as_json:
        print_json({**to_plain(rule), "in_versions": to_plain(seen)})
    else:
        print_rule(stdout(), rule, seen)


@click.command(context_settings=RUN_WORDS)
@click.argument("run", shell_complete=complete_run)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The archive; else EXP-RUNID.tar.gz here.")
@click.option("--no-redact", is_flag=True, help="Leave tokens, certificates, addresses and names in.")
@RESULTS
def bundle(run: str, *, out: Path | None, no_redact: bool, results: Path) -> None:
    """Pack RUN for an issue upstream: a page to read, the result, events and logs, redacted."""
    from runner.host.store import read_result, resolve_run  # noqa: PLC0415
    from runner.pages.bundle import make_bundle  # noqa: PLC0415

    refuse_options((run,))
    path = resolve_run(results, run)
    result = read_result(path)
    target = out or Path(f"exp{result.experiment.number:02d}-{result.run_id}.tar.gz")
    made = make_bundle(path, target, redact=not no_redact)
    click.echo(str(made.path))
    taken = ", ".join(f"{count} {what}" for what, count in sorted(made.redacted.items())) or "nothing"
    click.echo(
        "nothing was taken out: look through it before you send it"
        if no_redact
        else f"taken out: {taken}; this finds forms, not meanings: look through it before you send it",
        err=True,
    )


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@RESULTS_IF_ANY
def list_experiments(*, as_json: bool, results: Path) -> None:
    """List the experiments with their questions, and how each came out last."""
    from runner.registry import all_experiments  # noqa: PLC0415
    from runner.show.listed import list_rows, print_list  # noqa: PLC0415
    from runner.stored.history import baseline_summaries, summaries  # noqa: PLC0415

    rows = list_rows(all_experiments().values(), summaries(results), baseline_summaries(results))
    if as_json:
        print_json(rows)
    else:
        print_list(stdout(), rows)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and names in SHELL.

    Bash: eval "$(runner completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc; fish: runner completion fish | source.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    if kind is None:
        click.echo(f"click knows no completion for {shell}", err=True)
        sys.exit(ExitCode.HARNESS)
    click.echo(kind(context.find_root().command, {}, "runner", "_RUNNER_COMPLETE").source())


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead of stdout.")
def schema(out: Path | None) -> None:
    """Print the JSON Schema of result.json (docs/result.schema.json)."""
    import json  # noqa: PLC0415

    from runner.core.schema import result_schema  # noqa: PLC0415
    from runner.pages.reporting import write_report  # noqa: PLC0415

    text = json.dumps(result_schema(), indent=2) + "\n"
    click.echo(str(write_report(out, text)) if out is not None else text, nl=out is not None)


COMMANDS = (explain, bundle, list_experiments, completion, schema)
