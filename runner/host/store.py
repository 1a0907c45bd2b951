"""The run directory: evidence on disk from the first moment, whatever kills the run.

``result.json`` is replaced by rename, so a reader finds the old or the new one, never half of one. Logs and events are
appended and flushed as they come, those of a batch together. ``latest`` beside the runs links to the newest.
"""

import os
import secrets
from pathlib import Path
from typing import TextIO

from runner import atomic
from runner.core.codec import FormatError, event_to_line, result_from_json, result_to_json
from runner.model.events import AnyEvent, LineSeen, PathRedirected
from runner.model.result import RunResult

RESULT = "result.json"
EVENTS = "events.jsonl"


class StoreError(Exception):
    """Results cannot be written or read; the message says where and what to do."""


class NoSuchRunError(StoreError):
    """A word names no stored run, so there is nothing to look at; the message says what there is."""


def new_run_id(started_at: str) -> str:
    """``20261123T141535Z-1a2b3c`` from an ISO time: sorts by time, unique among concurrent runs."""
    compact = started_at.removesuffix("Z").replace("-", "").replace(":", "")
    return f"{compact}Z-{secrets.token_hex(3)}"


class RunDirectory:
    """One run's directory, open for writing.

    Args:
        results: The project's ``results`` directory.
        experiment: Short name, e.g. ``exp13``.
        run_id: As :func:`new_run_id` makes it.

    Raises:
        StoreError: The directory cannot be made or written.
    """

    def __init__(self, results: Path, experiment: str, run_id: str) -> None:
        self.path = results / experiment / run_id
        self._logs: dict[str, TextIO] = {}
        try:
            self.path.mkdir(parents=True)
            self._events = (self.path / EVENTS).open("w", encoding="utf-8")
            self._point_latest()
        except OSError as error:
            raise StoreError(
                f"cannot write results to {self.path}: {error.strerror}; free some space there or choose --results DIR"
            ) from error

    def record(self, *events: AnyEvent) -> None:
        """Append events, and the raw log lines they carry.

        Raises:
            StoreError: The disk is full or gone.
        """
        written: set[TextIO] = {self._events}
        try:
            for event in events:
                self._events.write(event_to_line(event) + "\n")
                if isinstance(event, LineSeen):
                    log, line = self._log(event.source), event.text
                elif isinstance(event, PathRedirected):
                    log, line = self._log("interceptor"), f"[PTRACE:{event.pid}] {event.path} -> {event.target}"
                else:
                    continue
                log.write(line + "\n")
                written.add(log)
            for file in written:
                file.flush()
        except OSError as error:
            raise StoreError(
                f"cannot write evidence to {self.path}: {error.strerror}; what was written so far is kept"
            ) from error

    def write_result(self, result: RunResult) -> None:
        """Replace ``result.json``.

        Raises:
            StoreError: The disk is full or gone; the former file is still whole.
        """
        try:
            atomic.write_text(self.path / RESULT, result_to_json(result))
        except OSError as error:
            raise StoreError(f"cannot write {self.path / RESULT}: {error.strerror}") from error

    def close(self) -> None:
        """Close all files; what could not be flushed is reported by the writes before."""
        for file in (self._events, *self._logs.values()):
            try:
                file.close()
            except OSError:
                continue

    def _log(self, source: str) -> TextIO:
        if source not in self._logs:
            self._logs[source] = (self.path / f"{source}.log").open("w", encoding="utf-8", errors="replace")
        return self._logs[source]

    def _point_latest(self) -> None:
        link = self.path.parent / "latest"
        fresh = self.path.parent / f".latest-{self.path.name}"
        fresh.symlink_to(self.path.name)
        fresh.replace(link)


def is_run(entry: "os.DirEntry[str]") -> bool:
    """Whether this is a run's directory; ``latest`` is a link to one, and a hidden one is still being merged."""
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def runs_of(results: Path, experiment: str) -> list[Path]:
    """Directories of an experiment's runs, oldest first; empty when it never ran."""
    directory = results / experiment
    if not directory.is_dir():
        return []
    # Asked of ten thousand runs: names are sorted, not paths, and what the directory itself tells is not asked again.
    with os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries if is_run(entry))
    return [directory / name for name in names]


def resolve_run(results: Path, name: str) -> Path:
    """The result file that RUN means: a path, ``latest``, ``-1``, ``-2``, ``exp13`` or ``exp13/baseline``.

    Raises:
        NoSuchRunError: There is no such run; the message says what there is.
    """
    given = Path(name)
    if given.is_file():
        return given
    if (given / RESULT).is_file():
        return given / RESULT
    experiment, _, which = name.partition("/")
    if experiment.startswith("exp") and which == "baseline":
        return _existing(results / "baseline" / f"{experiment}.json", name)
    everything = sorted(
        (run for directory in results.glob("exp*") for run in runs_of(results, directory.name)),
        key=lambda run: run.name,
    )
    if experiment.startswith("exp"):
        everything = [run for run in everything if run.parent.name == experiment]
        name_in = which or "latest"
    else:
        name_in = name
    if name_in == "latest":
        name_in = "-1"
    if name_in.startswith("-") and name_in[1:].isdecimal() and int(name_in[1:]) > 0:
        back = int(name_in[1:])
        if back > len(everything):
            raise NoSuchRunError(_too_few(name, len(everything), results))
        return _existing(everything[-back] / RESULT, name)
    for run in everything:
        if run.name == name_in:
            return _existing(run / RESULT, name)
    raise NoSuchRunError(
        f"{name}: no such run; give a path, expNN, expNN/baseline, latest, -1, -2 or a run id from {results}"
    )


def read_result(path: Path) -> RunResult:
    """Read one result.

    Raises:
        StoreError: It cannot be read.
        FormatError: It is no result, or of a newer version; the message names the file and what to do.
    """
    try:
        return result_from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}; name another RUN") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not text, so no {RESULT}; name a run's directory or its {RESULT}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _existing(path: Path, name: str) -> Path:
    if not path.is_file():
        raise NoSuchRunError(f"{name}: {path} does not exist; run the experiment, or name another RUN")
    return path


def _too_few(name: str, stored: int, results: Path) -> str:
    there = {0: "no run is", 1: "only one run is"}.get(stored, f"only {stored} runs are")
    return f"{name}: {there} stored in {results}; run an experiment first, or choose --results DIR"
