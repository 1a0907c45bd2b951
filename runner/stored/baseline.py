"""Promoted results: what the gate compares with, committed beside the code.

``results/baseline/exp13.json`` is the result of one real run, copied as it is; its raw logs and events lie compressed in
``exp13.logs/``. A stand-in's run is no evidence about k3s, nor one on plain Linux about gVisor, so each kind of workload but
k3s, and the arena ``host``, have names of their own: ``exp13.standin.json``, ``exp13.host.json``. Repeats, for the gate on
time, are ``exp13.repeat2.json`` and so on, without logs.

What this module must not do: judge. Whether a run deserves to be a baseline, the user decides by accepting it.
"""

import gzip
import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from runner import atomic
from runner.core.compare import why_not_measured
from runner.host.store import RESULT, StoreError, read_result
from runner.model.result import RunResult

DIRECTORY = "baseline"
_REPEAT = re.compile(r"\.repeat(\d+)\.json")


class BaselineError(StoreError):
    """There is no such baseline, or a run cannot become one; the message names the file and what to do."""


def baseline_name(result: RunResult) -> str:
    """``exp13`` for k3s in gVisor, else with what is different: ``exp13.standin``, ``exp13.host``, ``exp13.standin.host``."""
    parts = [f"exp{result.experiment.number:02d}"]
    if result.workload.kind != "k3s":
        parts.append(result.workload.kind)
    if result.arena.kind == "host":
        parts.append(result.arena.kind)
    return ".".join(parts)


def baseline_files(results: Path, name: str) -> list[Path]:
    """The promoted result of that name and its repeats.

    Raises:
        BaselineError: There is none.
    """
    first = results / DIRECTORY / f"{name}.json"
    if not first.is_file():
        raise BaselineError(
            f"{first}: no such baseline; run the experiment and promote its result: "
            f"runner accept {name.partition('.')[0]} --results {results}"
        )
    repeats = {
        int(m[1]): path for path in first.parent.glob(f"{name}.repeat*.json") if (m := _REPEAT.search(path.name))
    }
    return [first, *(repeats[number] for number in sorted(repeats))]


def all_baselines(results: Path) -> list[Path]:
    """Every promoted result, without repeats, by name."""
    found = sorted((results / DIRECTORY).glob("exp*.json"))
    return [path for path in found if not _REPEAT.search(path.name)]


def is_repeat(path: Path) -> bool:
    """Whether this is a baseline's repeat, not its first result."""
    return path.parent.name == DIRECTORY and _REPEAT.search(path.name) is not None


def logs_of(result_file: Path) -> Path:
    """Where the logs of a result lie: beside a run's ``result.json``, in ``expNN.logs`` beside a baseline."""
    return result_file.parent if result_file.name == RESULT else result_file.with_suffix(".logs")


def read_promotable(files: Sequence[Path]) -> list[RunResult]:
    """The results of runs that may become one baseline.

    Raises:
        BaselineError: A run measured nothing, left a step out, or the runs are not repeats of each other.
    """
    found = []
    for path in files:
        result = read_result(path)
        if (why := why_not_measured(result)) is not None:
            raise BaselineError(f"{path}: {why}; only a run that measured something can be a baseline")
        left_out = [step.id for step in result.steps if step.outcome == "skipped" and step.reason.endswith("--without")]
        if left_out:
            raise BaselineError(
                f"{path}: made --without {', '.join(left_out)}; a baseline is of the experiment as declared: run it again"
            )
        found.append(result)
    names = sorted({baseline_name(result) for result in found})
    if len(names) != 1:
        raise BaselineError(f"runs of {', '.join(names) or 'nothing'}: accept the repeats of one experiment at a time")
    return found


def promote(results: Path, files: Sequence[Path]) -> list[Path]:
    """Make runs the baseline of their experiment and workload; what was there before is replaced.

    Args:
        results: The project's ``results`` directory.
        files: ``result.json`` of one run, or of its repeats; the logs of the first are kept.

    Returns:
        Everything written.

    Raises:
        BaselineError: As :func:`read_promotable`.
        StoreError: Something cannot be read or written.
    """
    name = baseline_name(read_promotable(files)[0])
    target = results / DIRECTORY / f"{name}.json"
    contents = [path.read_bytes() for path in files]
    logs = {path.name: path.read_bytes() for path in _raw_logs(logs_of(files[0]))}
    written = [target, *(target.with_suffix(f".repeat{number}.json") for number in range(2, len(files) + 1))]
    try:
        # Whoever is killed between the renames at the end leaves a result without logs, never one with another's.
        with ExitStack() as stack:
            kept = stack.enter_context(atomic.making(logs_of(target)))
            for log_name, content in sorted(logs.items()):
                path = kept / (log_name if log_name.endswith(".gz") else f"{log_name}.gz")
                # No time stamp inside: the same log gives the same file, so accepting twice changes nothing in git.
                path.write_bytes(content if log_name.endswith(".gz") else gzip.compress(content, 9, mtime=0))
            for path, content in zip(written, contents, strict=True):
                file = stack.enter_context(atomic.writing(path))
                file.write(content)
                file.flush()
            names = sorted(path.name for path in kept.iterdir())
            for former in target.parent.glob(f"{name}.repeat*.json"):
                former.unlink()
            shutil.rmtree(logs_of(target), ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot write the baseline {target}: {error.strerror}; what was there is kept") from error
    return [*written, *(logs_of(target) / name for name in names)]


def _raw_logs(directory: Path) -> list[Path]:
    return sorted(
        path for pattern in ("*.log", "*.jsonl", "*.log.gz", "*.jsonl.gz") for path in directory.glob(pattern)
    )
