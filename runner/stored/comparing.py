"""Which sides are put beside each other: what ``compare`` does before and after the pure part.

What this module must not do: stop at the first broken file. It is named, and the others are still compared.
"""

from collections.abc import Sequence
from pathlib import Path

from runner.core.compare import Side, compare
from runner.core.compare_times import Thresholds
from runner.core.compared import Comparison
from runner.host.store import StoreError
from runner.stored.baseline import DIRECTORY, all_baselines, baseline_files
from runner.stored.history import Summary, summaries
from runner.stored.sides import Problem, Sides

Found = tuple[list[Comparison], list[Problem]]


def side_by_side(results: Path, words: Sequence[str], *, last: int = 1, thresholds: Thresholds | None = None) -> Found:
    """Compare everything with the first word; ``baseline`` alone is that of the first run among the others."""
    sides = Sides()
    for word in words:
        if word != DIRECTORY:
            sides.add(results, word, last=last)
    if DIRECTORY in words and sides.found:
        known = len(sides.found)
        sides.add_baseline(results, sides.found[0].results[0])
        if words[0] == DIRECTORY and len(sides.found) > known:
            sides.found.insert(0, sides.found.pop())
    if len(sides.found) < 2:  # noqa: PLR2004  a comparison has two sides
        if not sides.problems:
            sides.problems.append(Problem(what="only one side is left: nothing was compared", nothing_there=True))
        return [], sides.problems
    return [compare(sides.found, thresholds)], sides.problems


def against_baselines(
    results: Path, words: Sequence[str], *, last: int = 1, thresholds: Thresholds | None = None
) -> Found:
    """Compare each word with the baseline of its experiment and workload; without words, the newest run of each baseline."""
    comparisons: list[Comparison] = []
    problems: list[Problem] = []
    for label, files in _newest(results, last, problems) if not words else [(word, None) for word in words]:
        candidate = Sides()
        if files is None:
            candidate.add(results, label, last=last)
        else:
            candidate.add_files(label, files)
        problems += candidate.problems
        for side in candidate.found:
            comparisons += _with_baseline(results, side, problems, thresholds)
    return comparisons, problems


def _with_baseline(
    results: Path, side: Side, problems: list[Problem], thresholds: Thresholds | None
) -> list[Comparison]:
    reference = Sides()
    reference.add_baseline(results, side.results[0])
    problems += reference.problems
    return [compare([reference.found[0], side], thresholds)] if reference.found else []


def _newest(results: Path, last: int, problems: list[Problem]) -> list[tuple[str, list[Path]]]:
    """The newest runs that belong to each baseline: same workload, no step left out, not still running."""
    stored = summaries(results)
    found = []
    names = [path.name.removesuffix(".json") for path in all_baselines(results)]
    for name in names:
        experiment, _, workload = name.partition(".")
        runs = [run for run in stored if run.experiment == experiment and _belongs(run, workload or "k3s")]
        if runs:
            files = [Path(run.path) for run in runs[-last:]]
            found.append((name if len(files) > 1 else f"{name}/{runs[-1].run_id}", files))
    for run in {run.experiment: run for run in stored}.values():
        if not any(name.partition(".")[0] == run.experiment for name in names):
            try:
                baseline_files(results, run.experiment)
            except StoreError as error:
                problems.append(Problem(what=str(error), nothing_there=True))
    if not found:
        what = f"{results}: no stored run belongs to a promoted baseline: nothing was compared; run an experiment first"
        problems.append(Problem(what=what, nothing_there=True))
    return found


def _belongs(run: Summary, workload: str) -> bool:
    # A broken file is taken, too: it is then read, and named.
    return bool(run.problem) or (run.workload == workload and not run.left_out and run.state == "finished")
