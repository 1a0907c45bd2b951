"""mount(2), umount2(2) and unshare(2), which Python's standard library lacks, and reading the mount table."""

import ctypes
import os
from pathlib import Path

import attrs

MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MNT_DETACH = 2
CLONE_NEWNS = 0x20000

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """Ask the kernel for a mount; empty strings stand for NULL.

    Raises:
        OSError: As the kernel says, naming the target.
    """
    arguments = [value.encode() if value else None for value in (source, target, fstype)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() if data else None) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def unmount(target: str) -> None:
    """Take a mount away, lazily, so that an open file does not keep it.

    Raises:
        OSError: As the kernel says, naming the target.
    """
    if _libc.umount2(target.encode(), MNT_DETACH) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def enter_private_mount_namespace() -> None:
    """Give this process mounts of its own: whatever is mounted from now on goes away with it.

    Raises:
        OSError: The kernel or sandbox refuses (gVisor of 2022 does).
    """
    if _libc.unshare(CLONE_NEWNS) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "unshare(CLONE_NEWNS)")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


@attrs.frozen(kw_only=True)
class Mounted:
    """One line of the mount table."""

    target: str
    fstype: str
    source: str
    options: tuple[str, ...]


def mount_table(path: Path = Path("/proc/self/mounts")) -> tuple[Mounted, ...]:
    """The mounts of this process's namespace, in order."""
    table = []
    for line in path.read_text().splitlines():
        source, target, fstype, options, *_ = line.split()
        unescaped = target.encode().decode("unicode_escape")
        table.append(Mounted(target=unescaped, fstype=fstype, source=source, options=tuple(options.split(","))))
    return tuple(table)
