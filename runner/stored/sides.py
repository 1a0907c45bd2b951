"""From the words of the command line to what is compared: runs, repeats, baselines.

A side is one RUN, several joined by commas (repeats), a directory of runs, or a baseline with its repeats. A broken one is
named and set aside; the others are still compared.
"""

from collections.abc import Sequence
from pathlib import Path

import attrs

from runner.core.codec import FormatError
from runner.core.compare import Side
from runner.host.store import RESULT, NoSuchRunError, StoreError, read_result, resolve_run, runs_of
from runner.model.result import RunResult
from runner.stored.baseline import DIRECTORY, baseline_files, baseline_name


@attrs.frozen(kw_only=True)
class Problem:
    """Something that could not be compared.

    Attributes:
        what: The file, and what to do.
        nothing_there: Nothing was measured (exit code 3), as opposed to broken (2).
    """

    what: str
    nothing_there: bool


@attrs.define
class Sides:
    """Sides that could be read, and what could not."""

    found: list[Side] = attrs.field(factory=list)
    problems: list[Problem] = attrs.field(factory=list)

    def add(self, results: Path, word: str, *, last: int = 1) -> None:
        """Read one side; with ``last`` an ``expNN`` stands for that many of its newest runs."""
        try:
            files = files_of(results, word, last=last)
        except StoreError as error:
            self.problems.append(Problem(what=str(error), nothing_there=True))
            return
        self.add_files(word, files)

    def add_files(self, label: str, files: Sequence[Path]) -> None:
        """Read one side from its files; those that cannot be read become problems."""
        read: list[RunResult] = []
        for path in files:
            try:
                read.append(read_result(path))
            except (FormatError, StoreError) as error:
                self.problems.append(Problem(what=str(error), nothing_there=False))
        if read:
            self.found.append(Side(label=_label(label, read), results=tuple(read)))

    def add_baseline(self, results: Path, of: RunResult) -> None:
        """Read the baseline that belongs to a run's experiment and workload."""
        try:
            files = baseline_files(results, baseline_name(of))
        except StoreError as error:
            self.problems.append(Problem(what=str(error), nothing_there=True))
            return
        self.add_files(f"{baseline_name(of)}/baseline", files)


def files_of(results: Path, word: str, *, last: int = 1) -> list[Path]:
    """The result files that one word of the command line means.

    Raises:
        NoSuchRunError: There is no such run.
    """
    files: list[Path] = []
    for name in word.split(","):
        given = Path(name)
        experiment, _, which = name.partition("/")
        if which == DIRECTORY:
            files += baseline_files(results, experiment)
        elif given.is_dir() and not (given / RESULT).is_file():
            inside = [
                run / RESULT for run in sorted(given.iterdir()) if not run.is_symlink() and (run / RESULT).is_file()
            ]
            if not inside:
                raise NoSuchRunError(
                    f"{given}: no run in it has a {RESULT}; name a run's directory, or run an experiment first"
                )
            files += inside
        elif last > 1 and not which and experiment.startswith("exp"):
            runs = [run / RESULT for run in runs_of(results, experiment) if (run / RESULT).is_file()]
            if len(runs) < last:
                raise NoSuchRunError(
                    f"{name}: {len(runs)} of the {last} runs asked for are stored in {results}; run it with --repeat {last}"
                )
            files += runs[-last:]
        else:
            files.append(resolve_run(results, name))
    return files


def _label(word: str, results: Sequence[RunResult]) -> str:
    """What heads a column: the word itself, unless it says nothing to a reader of the table tomorrow."""
    if len(results) > 1 or not (word.startswith("-") or word == "latest" or Path(word).exists()):
        return word
    return f"exp{results[0].experiment.number:02d}/{results[0].run_id}"
