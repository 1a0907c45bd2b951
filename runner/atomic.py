"""Files and directories that are whole or not there, at whatever point their writer is killed.

What is written goes to a partial beside its target and is renamed into place. Each target has one partial, ``.NAME.partial``,
held by flock, which the kernel lets go of however its holder ends: who writes next takes over what a killed one has left,
and two that write at once take turns.

(Partials with names of their own, by pid or at random, need no lock, but nobody can tell a killed writer's from one that is
being written, least of all by a pid from another sandbox: they stay for good.)
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def writing(path: Path, *, mode: int | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file that replaces ``path`` when the block ends well; if it does not, ``path`` stays as it was.

    A device, a pipe, or what is this process's standard output cannot be replaced and is written to as it is.

    Args:
        path: The file; its directory is made if it is missing. A symbolic link is followed.
        mode: Its permission bits from the first byte on; without, those of the former file, else what the umask leaves.
        durable: Wait until it would also outlive the machine's crash.

    Raises:
        OSError: It cannot be written.
    """
    former = _status(path)
    if former is not None and (not stat.S_ISREG(former.st_mode) or _is_ours(former)):
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(target)
    if mode is None and former is not None:
        mode = stat.S_IMODE(former.st_mode)
    with os.fdopen(_hold(partial, mode), "wb") as file:
        try:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.truncate()
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    if durable:
        sync(target.parent)


def write_bytes(path: Path, content: bytes, *, mode: int | None = None, durable: bool = True) -> None:
    """Put ``content`` in place of ``path``, as :func:`writing` does."""
    with writing(path, mode=mode, durable=durable) as file:
        file.write(content)


def write_text(path: Path, text: str, *, mode: int | None = None, durable: bool = True) -> None:
    """Put ``text`` in place of ``path``, in UTF-8, as :func:`writing` does."""
    write_bytes(path, text.encode(), mode=mode, durable=durable)


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Fill a directory that becomes ``target`` when the block ends well; if it does not, nothing is left of it.

    Raises:
        OSError: It cannot be written, or somebody else has made ``target``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(target)
    descriptor = _hold_directory(partial)
    try:
        try:
            _empty(partial)
            yield partial
            sync_tree(partial)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, would outlive the machine's crash."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(top: Path) -> None:
    """Wait until a directory and all below it would outlive the machine's crash."""
    for directory, _, names in os.walk(top):
        for name in names:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                sync(path)
        sync(Path(directory))


def _partial(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_ours(status: os.stat_result) -> bool:
    for standard in (1, 2):
        with suppress(OSError):
            if os.path.samestat(os.fstat(standard), status):
                return True
    return False


def _hold(partial: Path, mode: int | None) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    return _locked(partial, lambda: os.open(partial, flags, 0o666 if mode is None else mode))


def _hold_directory(partial: Path) -> int:
    def opened() -> int:
        while True:
            partial.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # another has just renamed it away
                return os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    return _locked(partial, opened)


def _locked(partial: Path, opened: Callable[[], int]) -> int:
    """A descriptor of the partial that nobody else holds."""
    while True:
        descriptor = opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Who held it until now may have renamed or removed it: then it is no partial any more.
            now = _status(partial)
            if now is not None and os.path.samestat(os.fstat(descriptor), now):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _empty(directory: Path) -> None:
    for left in directory.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
