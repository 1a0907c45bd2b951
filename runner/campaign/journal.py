"""Finished attempts on disk: one small file each, under ``results/cells``, that leads to the run's directory.

A file is written whole or not at all, so there is an attempt or there is none. Its name is its
fingerprint and its run's id: two journals are merged by taking the files of both, and taking the same ones twice changes
nothing. There is nothing else to a campaign's state.

A run that ended just before the runner was killed has no file yet. Its result names its cell, so the journal takes it in when
it is opened: even then no finished cell is done again.

(One file of lines was considered: a killed writer leaves half a line in the middle when another appends, and merging needs
to read and compare what here the file system does.)
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner import atomic
from runner.core.agenda import Attempts
from runner.core.cell import Attempt, Circumstances, outcome_of
from runner.core.codec import FormatError, from_json, to_json
from runner.host.store import RESULT, StoreError, read_result
from runner.model.result import RunResult

DIRECTORY = "cells"
CELL_FACT = "cell"
"""The key in a result's environment that names the cell, by its fingerprint."""


class Journal:
    """The attempts below one results directory.

    Args:
        results: The results directory; it need not exist yet.
        adopt: Take in runs that ended before their attempt was written; without it, nothing is written by opening.

    Raises:
        StoreError: It cannot be read.
        FormatError: A file in it is no attempt, or of a newer version; the message names it.
    """

    def __init__(self, results: Path, *, adopt: bool = True) -> None:
        self.results = results
        self.directory = results / DIRECTORY
        self._attempts: dict[str, list[Attempt]] = {}
        for path in sorted(self.directory.glob("*.json")):
            self._note(read_attempt(path))
        if adopt:
            self._adopt()

    @property
    def attempts(self) -> Attempts:
        """All of them, by cell, oldest first."""
        return self._attempts

    def add(self, attempt: Attempt) -> None:
        """Keep one attempt for good.

        Raises:
            StoreError: It cannot be written.
        """
        self.write(self.results, attempt)
        self._note(attempt)

    @staticmethod
    def write(results: Path, attempt: Attempt) -> None:
        """Put one attempt below a results directory, whole or not at all.

        Raises:
            StoreError: It cannot be written.
        """
        path = results / DIRECTORY / file_name(attempt)
        try:
            atomic.write_text(path, to_json(attempt))
        except OSError as error:
            raise StoreError(
                f"cannot write {path}: {error.strerror}; free some space there or choose --results DIR"
            ) from error

    @contextmanager
    def claim(self, fingerprint: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a cell while it is run; False when another campaign holds it.

        The kernel lets go of it when the holder ends, however it ends.

        Args:
            fingerprint: Of the cell.
            wait: Until nobody else holds it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.directory / f".{fingerprint}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"cannot write to {self.directory}: {error.strerror}; choose --results DIR") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def refresh(self) -> None:
        """Take in what other campaigns have finished meanwhile."""
        known = {file_name(attempt) for attempts in self._attempts.values() for attempt in attempts}
        for path in sorted(self.directory.glob("*.json")):
            if path.name not in known:
                self._note(read_attempt(path))

    def _note(self, attempt: Attempt) -> None:
        attempts = self._attempts.setdefault(attempt.fingerprint, [])
        attempts.append(attempt)
        attempts.sort(key=lambda one: one.id)

    def _adopt(self) -> None:
        known = {attempt.id for attempts in self._attempts.values() for attempt in attempts}
        for path in sorted(self.results.glob(f"exp*/*/{RESULT}")):
            run = path.parent
            if run.is_symlink() or run.name.startswith(".") or run.name in known:
                continue
            try:
                if f'"{CELL_FACT}"' not in path.read_text(encoding="utf-8"):
                    continue
                result = read_result(path)
            except (OSError, UnicodeDecodeError, StoreError, FormatError):
                continue  # not ours to judge: compare and report name broken results
            if counts(result):
                self.add(attempt_of(result, run.relative_to(self.results)))


def counts(result: RunResult) -> bool:
    """Whether a run finishes a cell: it belongs to one, and nobody stopped it."""
    named = bool(result.environment.get(CELL_FACT))
    return named and result.state == "finished" and result.ended_by.reason != "interrupted"


def attempt_of(result: RunResult, run: Path) -> Attempt:
    """The attempt that a finished run of a cell is.

    Args:
        result: With the cell's fingerprint in its environment.
        run: Its directory, relative to the results.
    """
    environment, arena = result.environment, result.arena
    left_out = (s.id for s in result.steps if s.outcome == "skipped" and s.reason.endswith("--without"))
    return Attempt(
        fingerprint=environment[CELL_FACT],
        cell=Circumstances(
            experiment=f"exp{result.experiment.number:02d}",
            slug=result.experiment.slug,
            workload=result.workload.kind,
            version=result.workload.version,
            arena=arena.kind,
            runsc=arena.runsc_version,
            platform=arena.platform,
            mechanism=result.interception.mechanism,
            fault=arena.fault,
            without=tuple(sorted(left_out)),
        ),
        id=result.run_id,
        run=run.as_posix(),
        finished_at=result.finished_at or result.started_at,
        took_s=result.duration_s,
        outcome=outcome_of(result),
    )


def file_name(attempt: Attempt) -> str:
    """What an attempt's file is called."""
    return f"{attempt.fingerprint}-{attempt.id}.json"


def read_attempt(path: Path) -> Attempt:
    """Read one attempt.

    Raises:
        StoreError: The file cannot be read.
        FormatError: It is no attempt.
    """
    try:
        return from_json(path.read_text(encoding="utf-8"), Attempt)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}; remove it, and its cell is run again") from error
