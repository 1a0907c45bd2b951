"""Mounts that steps make, and reading the mount table."""

from pathlib import Path

import attrs

from runner.intercept import libc

MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MNT_DETACH = 2


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """Ask the kernel for a mount.

    Raises:
        OSError: As the kernel says.
    """
    libc.mount(source, target, fstype, flags, data)


def unmount(target: str) -> None:
    """Take a mount away, lazily, so that an open file does not keep it.

    Raises:
        OSError: As the kernel says.
    """
    libc.unmount(target, MNT_DETACH)


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
