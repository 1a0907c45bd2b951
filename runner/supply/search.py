"""The part of a search that runsc and k3s share: the variable, PATH, and cache entries; each place leaves an Attempt.

A variable is an order: what it names must serve, or the search ends with an error. PATH and the cache are offers:
what is unusable there is noted and passed over. Nothing is downloaded or built here.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import trio

from runner.supply.binary import NotUsableError, reported_version
from runner.supply.cache import Cache, Entry, hash_file
from runner.supply.supplied import Attempt, AttemptOutcome, Progress, Supplied, SupplyError


@attrs.frozen(kw_only=True)
class Wanted:
    """What is searched for.

    Attributes:
        program: Name of the executable.
        variable: Environment variable that may name it.
        version_line: What its answer to --version looks like; group 1 is the version.
        true_version: Gives the version to record from the file and the reported one.
    """

    program: str
    variable: str
    version_line: re.Pattern[str]
    true_version: Callable[[Path, str], str]


class Search:
    """One search in progress: what was tried so far, and the tries that need no network."""

    def __init__(self, wanted: Wanted, environ: Mapping[str, str], cache: Cache, progress: Progress) -> None:
        self._wanted = wanted
        self._environ = environ
        self._cache = cache
        self._progress = progress
        self._attempts: list[Attempt] = []

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every place looked at so far, in order."""
        return tuple(self._attempts)

    def note(self, source: str, outcome: AttemptOutcome, detail: str) -> None:
        """Record one place."""
        self._attempts.append(Attempt(source=source, outcome=outcome, detail=detail))

    async def named(self) -> Supplied | None:
        """What the variable names, or None if it is not set.

        Raises:
            SupplyError: It is set, and what it names is not the program.
        """
        variable, program = self._wanted.variable, self._wanted.program
        value = self._environ.get(variable, "")
        if not value:
            self.note(variable, "absent", "not set")
            return None
        path = _absolute(value)
        try:
            return await self.examined(path, variable, origin=f"{variable}={value}")
        except NotUsableError as error:
            self.note(variable, "unusable", f"{path}: {error}")
            advice = f"point {variable} at a {program} that runs on this machine, or unset it"
            raise SupplyError(f"{variable}={value}: {error}; {advice}", self.attempts) from error

    async def on_path(self) -> Supplied | None:
        """What PATH has, if it is the program."""
        found = shutil.which(self._wanted.program, path=self._environ.get("PATH", os.defpath))
        if found is None:
            self.note("PATH", "absent", f"no {self._wanted.program} on PATH")
            return None
        path = _absolute(found)
        try:
            return await self.examined(path, "PATH", origin=f"{path}, found on PATH")
        except NotUsableError as error:
            self.note("PATH", "unusable", f"{path}: {error}")
            return None

    async def cached(self, *keys: str) -> Supplied | None:
        """The first of the cache's entries that is whole and serves."""
        entries = {key: entry for key in keys if (entry := self._cache.entry(key)) is not None}
        if not entries:
            self.note("cache", "absent", f"it is not in {self._cache.root}")
        for key, entry in entries.items():
            try:
                return await self.of_entry(entry, "cache")
            except NotUsableError as error:
                self.note("cache", "unusable", f"{entry.path}: {error}{await self._mended(key)}")
        return None

    async def _mended(self, key: str) -> str:
        """Drop an entry that is not what was put in; an intact one stays, for then the machine is what fails."""
        async with self._cache.claim(key, self._progress) as claim:
            entry = self._cache.entry(key)
            if entry is not None and not await trio.to_thread.run_sync(self._is_intact, entry):
                claim.drop()
                return "; it was damaged, and is removed"
        return ""

    def _is_intact(self, entry: Entry) -> bool:
        try:
            return hash_file(entry.path / self._wanted.program, "sha256") == entry.facts.get("sha256")
        except OSError:
            return False

    async def of_entry(self, entry: Entry, source: str) -> Supplied:
        """A cache entry's program.

        Raises:
            NotUsableError: It does not serve.
        """
        path = entry.path / self._wanted.program
        return await self.examined(
            path, source, origin=entry.facts.get("origin", "cache"), digest=entry.facts.get("sha256")
        )

    async def examined(self, path: Path, source: str, *, origin: str, digest: str | None = None) -> Supplied:
        """Run a file and describe it; the search ends here.

        Raises:
            NotUsableError: It is not the program, or not the one that was kept (digest).
        """
        reported = await reported_version(path, self._wanted.version_line, self._wanted.program)
        try:
            version = self._wanted.true_version(path, reported)
            sha256 = await self._cache.sha256(path)
        except OSError as error:
            raise NotUsableError(f"cannot be read: {error.strerror}") from error
        if digest is not None and sha256 != digest:
            raise NotUsableError("is not the file that was put into the cache")
        self.note(source, "used", str(path))
        return Supplied(path=path, version=version, origin=origin, sha256=sha256, attempts=self.attempts)


def _absolute(path: str) -> Path:
    # Not resolved: a link named k3s may lead to a file that looks at the name it was started by.
    return Path(path).absolute()
