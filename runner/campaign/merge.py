"""Journals put together: the attempts of several results directories, with their runs, in one.

An attempt's file is written once and never changed, so merging takes what is not there yet, and doing it again changes nothing.
A run is put in place before the attempt that leads to it: whoever kills a merge leaves no attempt without its evidence.
"""

import gzip
import shutil
from collections.abc import Sequence
from pathlib import Path

import attrs

from runner import atomic
from runner.campaign.facts import DIRECTORY as FACTS
from runner.campaign.journal import DIRECTORY, Journal, file_name
from runner.core.cell import Attempt, agreement
from runner.core.codec import to_json
from runner.host.store import NoSuchRunError, StoreError


@attrs.frozen(kw_only=True)
class Merged:
    """What a merge did.

    Attributes:
        taken: Attempts that were new.
        known: Attempts that were there already.
        conflicts: Cells that the sources do not agree on, and how; all their attempts are kept.
    """

    taken: int
    known: int
    conflicts: tuple[str, ...]


def merge(into: Path, sources: Sequence[Path], *, compress: bool = False) -> Merged:
    """Take the attempts of other results directories.

    Args:
        into: The results directory to fill; made if it is missing.
        sources: Results directories.
        compress: Keep logs as ``.log.gz``, to be committed.

    Raises:
        NoSuchRunError: A source has no attempts at all.
        StoreError: Something cannot be read or written.
        FormatError: A source holds something else than attempts.
    """
    taken = known = 0
    conflicts: list[str] = []
    journals = [(source, Journal(source)) for source in sources]
    # All are looked at before anything is taken: of a mistyped call nothing is left behind.
    for source, journal in journals:
        if not journal.attempts:
            raise NoSuchRunError(
                f"{source}: no attempts in it; name a results directory in which a matrix or series was run"
            )
    for source, journal in journals:
        _copy_facts(source / FACTS, into / FACTS)
        for attempt in (one for attempts in journal.attempts.values() for one in attempts):
            there = into / DIRECTORY / file_name(attempt)
            if not there.exists():
                if attempt.run:
                    _copy_run(source / attempt.run, into / attempt.run, compress=compress)
                Journal.write(into, attempt)
                taken += 1
            elif there.read_text(encoding="utf-8") == to_json(attempt):
                known += 1
            else:
                conflicts.append(f"{attempt.cell}: {there} and {source} have another content for run {attempt.id}")
    merged = Journal(into).attempts
    conflicts += [_disagreement(attempts) for attempts in merged.values() if _disagree(attempts)]
    return Merged(taken=taken, known=known, conflicts=tuple(conflicts))


def _disagree(attempts: Sequence[Attempt]) -> bool:
    same, of = agreement(tuple(attempts))
    return same < of


def _disagreement(attempts: Sequence[Attempt]) -> str:
    said = (
        f"{one.id} {one.outcome.verdict}, {one.outcome.furthest or 'nothing reached'}"
        f"{', ' + ', '.join(one.outcome.fatal) if one.outcome.fatal else ''}"
        for one in attempts
    )
    return f"{attempts[0].cell}: {'; '.join(said)}"


def _copy_facts(source: Path, target: Path) -> None:
    """What arenas can do, of those that the target knows nothing of yet."""
    try:
        for path in sorted(source.glob("*.json")):
            if not (target / path.name).exists():
                atomic.write_bytes(target / path.name, path.read_bytes())
    except OSError as error:
        raise StoreError(f"cannot copy {source} to {target}: {error.strerror or error}") from error


def _copy_run(source: Path, target: Path, *, compress: bool) -> None:
    if target.exists():
        return
    try:
        with atomic.making(target) as partial:
            for path in sorted(source.iterdir()):
                if not path.is_file() or path.name.startswith("."):
                    continue
                if compress and path.suffix in {".log", ".jsonl"}:
                    # No time stamp inside: the same log gives the same file.
                    (partial / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
                else:
                    shutil.copyfile(path, partial / path.name)
    except OSError as error:
        if target.is_dir():
            return  # another merge was faster
        raise StoreError(f"cannot copy {source} to {target}: {error.strerror or error}") from error
