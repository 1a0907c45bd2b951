"""From RUN to reports: which files are read, and where pages are written.

What this module must not do: write into a baseline's directory, which is committed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner import atomic
from runner.core.codec import FormatError, to_plain
from runner.formats.csv_table import results_to_csv
from runner.formats.junit import results_to_junit
from runner.formats.markdown import result_to_markdown
from runner.formats.rows import results_to_rows
from runner.formats.tap import results_to_tap
from runner.host.store import NoSuchRunError, StoreError, read_result
from runner.model.result import RunResult
from runner.registry import DeclarationError, all_experiments
from runner.report.evidence import read_evidence
from runner.report.page import index_page, run_page
from runner.stored.baseline import DIRECTORY, is_repeat
from runner.stored.history import baseline_summaries, summaries
from runner.stored.sides import Problem, files_of


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
