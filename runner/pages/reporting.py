"""From RUN to reports: which files are read, and where pages are written.

What this module must not do: write into a baseline's directory, which is committed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner import atomic
from runner.campaign.declaration import FILE, read_matrix
from runner.campaign.journal import Journal
from runner.core.blockers import RULES
from runner.core.cell import Attempt
from runner.core.codec import FormatError, to_plain
from runner.core.met import Met, met_where
from runner.formats.blocker_page import GENERATED, blocker_pages
from runner.formats.csv_table import results_to_csv
from runner.formats.junit import results_to_junit
from runner.formats.markdown import Safe, cell, result_to_markdown
from runner.formats.rows import results_to_rows
from runner.formats.tap import results_to_tap
from runner.host.store import RESULT, NoSuchRunError, StoreError, read_result
from runner.model.result import RunResult
from runner.registry import DeclarationError, all_experiments
from runner.report.evidence import read_evidence
from runner.report.page import index_page, run_page
from runner.stored.baseline import DIRECTORY, is_repeat
from runner.stored.history import baseline_summaries, summaries
from runner.stored.sides import Problem, files_of
from runner.supply.gvisors import GVISORS, known

KEPT_MATRIX = Path("results/matrix")
"""The attempts of the matrix that are committed, with their runs."""


def report_files(
    results: Path, words: Sequence[str], *, repeats: bool = True
) -> tuple[list[tuple[Path, RunResult]], list[Problem]]:
    """Every result that the words name, and what could not be read.

    Args:
        results: The project's ``results`` directory.
        words: RUNs.
        repeats: With the repeats of a baseline, which are kept for their times and have no logs.
    """
    found: list[tuple[Path, RunResult]] = []
    problems: list[Problem] = []
    for word in words:
        try:
            files = files_of(results, word)
        except StoreError as error:
            problems.append(Problem(what=str(error), nothing_there=True))
            continue
        for path in files:
            if not repeats and is_repeat(path):
                continue
            try:
                found.append((path, read_result(path)))
            except (FormatError, StoreError) as error:
                problems.append(Problem(what=str(error), nothing_there=False))
    return found, problems


def text_of(form: str, found: Sequence[RunResult], problems: Sequence[Problem] = ()) -> str:
    """The results in a text format: markdown, rows, github, junit, tap, csv or json; junit and tap hold the problems, too."""
    what = [problem.what for problem in problems]
    if form == "junit":
        return results_to_junit(found, what)
    if form == "tap":
        return results_to_tap(found, what)
    if form == "csv":
        return results_to_csv(found)
    if form == "rows":
        return results_to_rows(found)
    if form == "json":
        return json.dumps([to_plain(result) for result in found], indent=2) + "\n"
    return "\n".join(result_to_markdown(result) for result in found)


def write_page(results: Path, path: Path, result: RunResult, out: Path | None = None) -> Path:
    """Write a run's HTML report; without ``out`` beside its result, a baseline's below the experiment's runs.

    Raises:
        StoreError: It cannot be written.
    """
    if out is None and path.parent.name == DIRECTORY:
        out = results / f"exp{result.experiment.number:02d}" / f"{path.stem}.baseline.html"
    return write_report(out or path.parent / "report.html", run_page(result, read_evidence(path, result)))


def write_index(results: Path, out: Path | None = None) -> Path:
    """Write the page over all runs.

    Raises:
        NoSuchRunError: Nothing is stored.
        StoreError: It cannot be written.
    """
    runs, baselines = summaries(results), baseline_summaries(results)
    if not runs and not baselines:
        raise NoSuchRunError(
            f"{results}: no stored run and no baseline; run an experiment first, or choose --results DIR"
        )
    target = out or results / "index.html"
    return write_report(target, index_page(runs, baselines, _declared(), target.parent))


def _declared() -> Mapping[str, str]:
    try:
        return {experiment.name: experiment.question for experiment in all_experiments().values()}
    except DeclarationError:
        return {}  # a broken declaration must not hide the results of the others


def write_report(path: Path, text: str) -> Path:
    """Write a file, and the directories above it.

    Raises:
        StoreError: It cannot be written.
    """
    try:
        atomic.write_text(path, text, durable=False)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; choose another place with --out") from error
    return path


def met_in_the_matrix(kept: Path = KEPT_MATRIX) -> dict[str, tuple[Met, ...]]:
    """Blocker -> what the committed matrix says of it, builds of gVisor oldest first."""
    done, experiments = Journal(kept, adopt=False).attempts, tuple(all_experiments().values())
    refused = {step for axis in read_matrix(FILE).runsc for step in axis.without} if FILE.is_file() else set()
    order = [build.version for build in GVISORS]

    def age(one: Met) -> tuple[int, str]:
        return order.index(one.runsc) if one.runsc in order else len(order), one.workload

    return {name: tuple(sorted(met_where(name, done, experiments, refused), key=age)) for name in RULES}


def met_words(found: Sequence[Met], root: str = "../../") -> list[tuple[Safe, ...]]:
    """Rows for a blocker's page: build, workload, met, overcome, absent; each leads to the newest such run.

    Args:
        found: As :func:`met_in_the_matrix` has them.
        root: The way from the page to the project.
    """

    def said(attempts: Sequence[Attempt], what: str = "") -> Safe:
        if not attempts:
            return Safe("")
        newest = attempts[-1]
        number = f"{len(attempts)} {'run' if len(attempts) == 1 else 'runs'}"
        return Safe(f"{number}{what}, e.g. [{newest.cell.experiment}]({root}{KEPT_MATRIX}/{newest.run}/{RESULT})")

    return [
        (
            cell(_named(one.runsc)),
            cell(one.workload),
            said(one.met),
            said(one.overcome, _by(one)),
            said(one.absent),
        )
        for one in found
    ]


def _by(one: Met) -> str:
    steps = {attempt.outcome.resolved[name] for attempt in one.overcome for name in attempt.outcome.resolved}
    return f" by {', '.join(sorted(steps))}" if steps else ""


def _named(version: str) -> str:
    build = known(version)
    return f"gVisor {build.name} ({version})" if build else f"gVisor {version}"


def write_blocker_pages(directory: Path) -> list[Path]:
    """Write a page for each blocker and their index; pages of blockers that are no more are removed.

    Raises:
        StoreError: They cannot be written.
    """
    logs = [path.name.removesuffix(".log.gz") for path in Path("tests/logs").glob("*.log.gz")]
    pages = blocker_pages(RULES, logs, {name: met_words(found) for name, found in met_in_the_matrix().items()})
    for former in directory.glob("*.md"):
        if former.name not in pages and GENERATED in former.read_text(encoding="utf-8"):
            former.unlink()
    return [write_report(directory / name, text) for name, text in pages.items()]
