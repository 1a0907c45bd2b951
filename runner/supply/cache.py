"""A content cache that is good or empty, whoever is killed and however many runs start at once.

Entries are directories, made under another name beside the final one, synced, then renamed: a reader sees a whole
entry or none. Makers of one key take turns by flock, which the kernel releases when its holder dies however it dies;
therefore whoever holds a key's lock knows that every unfinished thing of that key is nobody's, and sweeps it. (Lock
files that are removed, or that hold a pid to be checked, were not considered: both have a race that flock does not.)
Nothing here knows what is kept.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import attrs
import platformdirs
import trio

from runner import atomic
from runner.supply.supplied import Progress

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
FACTS = "entry.json"
LOCK_POLL_S = 0.1
PARTIAL_KEPT_S = 7 * 24 * 3600.0

_REASONS = {
    errno.ENOSPC: "no space left on the disk; free some, or set XDG_CACHE_HOME to a directory on another disk",
    errno.EDQUOT: "the disk quota is used up; free some, or set XDG_CACHE_HOME to a directory elsewhere",
    errno.EFBIG: "files may not grow that large (ulimit -f); raise the limit",
    errno.EROFS: "the file system is read-only; set XDG_CACHE_HOME to a directory that can be written",
    errno.EACCES: "permission denied; set XDG_CACHE_HOME to a directory of your own",
    errno.EPERM: "operation not permitted; set XDG_CACHE_HOME to a directory of your own",
    errno.ENOTDIR: "a part of the path is not a directory; set XDG_CACHE_HOME to one",
    errno.ENOLCK: "the file system has no locks; set XDG_CACHE_HOME to a directory on a local disk",
}

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class CacheError(Exception):
    """The cache cannot be used; the text says where, why and what to do."""


@attrs.frozen(kw_only=True)
class Entry:
    """A complete entry.

    Attributes:
        path: Its directory.
        facts: What was noted when it was made.
    """

    path: Path
    facts: dict[str, str]


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn the disk's errors (full, read-only, not ours) into a CacheError that says what to do."""
    try:
        yield
    except OSError as error:
        raise _cache_error(error, where) from error


def _cache_error(error: OSError, where: Path) -> CacheError:
    unknown = f"{error.strerror or error}; set XDG_CACHE_HOME to another directory"
    return CacheError(f"{where}: {_REASONS.get(error.errno or 0, unknown)}")


@attrs.frozen(kw_only=True)
class Claim:
    """The right to make one key's entry, held while its ``Cache.claim`` block runs.

    Attributes:
        root: The cache's directory.
        key: Whose entry it is.
        lock_fd: Descriptor of the lock: a child that inherits it holds the lock until it ends.
    """

    root: Path
    key: str
    lock_fd: int

    @property
    def partial(self) -> Path:
        """A file beside the entry that outlives an interrupted run, for downloads that can be taken up again."""
        return self.root / f".{self.key}~partial"

    def scratch(self) -> Path:
        """A new empty directory beside the entry, removed at the end unless it is published."""
        with explained(self.root):
            made = Path(tempfile.mkdtemp(prefix=f".{self.key}~scratch~", dir=self.root))
            made.chmod(0o755)
        return made

    async def publish(self, scratch: Path, facts: dict[str, str]) -> Entry:
        """Make a scratch directory the key's entry, replacing one that is there.

        Raises:
            CacheError: The disk is full or refuses; there is then no entry, or still the old one.
        """
        with explained(self.root):
            await trio.to_thread.run_sync(self._publish, scratch, facts)
        return Entry(path=self.root / self.key, facts=facts)

    def _publish(self, scratch: Path, facts: dict[str, str]) -> None:
        (scratch / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
        atomic.sync_tree(scratch)
        self.drop()
        scratch.rename(self.root / self.key)
        atomic.sync(self.root)

    def drop(self) -> None:
        """Take the entry away, at once and whole."""
        with explained(self.root), suppress(FileNotFoundError):
            (self.root / self.key).rename(self.scratch() / "dropped")

    def sweep(self, *, partial: bool) -> None:
        """Remove what earlier makers of this key left unfinished."""
        for left in self.root.glob(f".{self.key}~scratch~*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in self.root.glob(f".{self.key}~partial*"):
            with suppress(OSError):
                if partial or time.time() - left.stat().st_mtime > PARTIAL_KEPT_S:
                    left.unlink()


@attrs.frozen(kw_only=True)
class Cache:
    """The cache under one directory, made when first needed."""

    root: Path

    @staticmethod
    def of_user() -> "Cache":
        """The user's cache: XDG_CACHE_HOME or ~/.cache, then k3s-in-gvisor."""
        return Cache(root=Path(platformdirs.user_cache_dir("k3s-in-gvisor", appauthor=False)))

    def entry(self, key: str) -> Entry | None:
        """The complete entry of a key, or None."""
        path = self.root / _checked(key)
        try:
            facts = json.loads((path / FACTS).read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(facts, dict):
            return None
        return Entry(path=path, facts={str(name): str(value) for name, value in facts.items()})

    def use(self, entry: Entry) -> None:
        """Note that an entry is in use, which spares it from ``prune``."""
        with suppress(OSError):  # a cache that is only read is not pruned either
            os.utime(entry.path)

    async def prune(self, prefix: str, unused_s: float, progress: Progress) -> None:
        """Drop the entries whose key begins with ``prefix`` that nobody has used for so many seconds."""
        old = [path.name for path in self.root.glob(f"{prefix}*") if _age_s(path) > unused_s]
        for key in old:
            async with self.claim(key, progress) as claim:
                claim.drop()

    @asynccontextmanager
    async def claim(self, key: str, progress: Progress) -> AsyncIterator[Claim]:
        """Hold a key alone. Look for its entry again inside: another run may have made it while this one waited.

        Raises:
            CacheError: The cache's directory cannot be made, locked or written.
        """
        with explained(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = await self._lock(_checked(key), progress)
        claim = Claim(root=self.root, key=key, lock_fd=descriptor)
        full = False
        try:
            claim.sweep(partial=False)
            yield claim
        except (OSError, CacheError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            full = isinstance(cause, OSError) and cause.errno in _FULL  # then a half download is what fills the disk
            if isinstance(error, OSError) and full:
                raise _cache_error(error, self.root) from error
            raise
        finally:
            try:
                claim.sweep(partial=full)
            finally:
                os.close(descriptor)

    async def _lock(self, key: str, progress: Progress) -> int:
        path = self.root / f".{key}~lock"
        told = False
        while True:
            # Opened anew each time: the user may have emptied the cache meanwhile.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            else:
                return descriptor
            os.close(descriptor)
            if not told:
                progress(f"another run is preparing {key}; waiting for it", None)
                told = True
            # Polled: a thread blocked in flock could not be cancelled, and might get the lock after we are gone.
            await trio.sleep(LOCK_POLL_S)

    def recall(self, name: str, max_age_s: float) -> str | None:
        """A note made by ``remember`` less than max_age_s seconds ago, or None."""
        path = self._note(name)
        try:
            age = time.time() - path.stat().st_mtime
            return path.read_text() if 0 <= age < max_age_s else None
        except (OSError, ValueError):
            return None

    def remember(self, name: str, text: str) -> None:
        """Keep a note; a cache that cannot be written forgets it, which costs time and nothing else."""
        path = self._note(name)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic.write_text(path, text, mode=0o600, durable=False)

    def forget(self, name: str) -> None:
        """Drop a note."""
        with suppress(OSError):
            self._note(name).unlink()

    def _note(self, name: str) -> Path:
        return self.root / ".notes" / hashlib.sha256(name.encode()).hexdigest()[:32]

    async def sha256(self, path: Path) -> str:
        """A file's sha256 in hex, remembered for as long as the file is not touched (k3s takes a second to read)."""
        name = _identity(path)
        known = self.recall(name, float("inf"))
        if known is not None and re.fullmatch(r"[0-9a-f]{64}", known):
            return known
        digest = await trio.to_thread.run_sync(hash_file, path, "sha256")
        self.remember(name, digest)
        return digest


def _identity(path: Path) -> str:
    status = path.stat()
    # ctime too: a copy that keeps size and mtime still gets a new one.
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return f"sha256 {path} {status.st_dev} {status.st_ino} {status.st_size} {times}"


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def hash_file(path: Path, algorithm: str) -> str:
    """A file's digest in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError(f"cache key {key!r}: use letters, digits and . _ + -, not starting with a sign")
    return key
