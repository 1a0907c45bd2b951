"""System calls that Python 3.11 has no name for: unshare, mount, statfs, openat2, inotify, syslog.

Thin: each raises OSError with the kernel's errno and knows nothing of k3s. unshare in a thread changes that thread
only, which is how the stand-in asks questions about mounts and devices without changing the machine it runs on.
"""

import ctypes
import errno
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
CGROUP2_SUPER_MAGIC = 0x63677270
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_CLOSE_WRITE = 0x8
IN_CLOEXEC = os.O_CLOEXEC

_SYS_OPENAT2 = 437  # the same number on x86-64 and arm64
_SYSLOG_READ_ALL = 3
_STATFS_SIZE = 256  # struct statfs is 120 bytes; its first word is the type
_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def unshare(flags: int) -> None:
    """Give the calling thread namespaces of its own."""
    _check(_libc.unshare(ctypes.c_int(flags)))


def mount(source: str, target: str, flags: int) -> None:
    """The mount call without file system type and data, as for bind mounts and changes of propagation."""
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), b"", ctypes.c_ulong(flags), b""), target)


def filesystem_type(path: str) -> int:
    """The f_type that statfs gives for a path."""
    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    _check(_libc.statfs(os.fsencode(path), buffer), path)
    return int.from_bytes(buffer.raw[:8], "little")


def openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    """Open a path below a directory's descriptor with rules for resolving it (openat2)."""
    how = _OpenHow(flags=flags | os.O_CLOEXEC, mode=0, resolve=resolve)
    number = ctypes.c_long(_SYS_OPENAT2)
    result = _libc.syscall(number, directory, os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    return _check(result, path)


def watch_directory(path: str) -> int:
    """An inotify descriptor that becomes readable when a file in the directory is made, written or renamed into it."""
    fd = _check(_libc.inotify_init1(ctypes.c_int(IN_CLOEXEC)))
    try:
        mask = ctypes.c_uint32(IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE)
        _check(_libc.inotify_add_watch(fd, os.fsencode(path), mask), path)
    except OSError:
        os.close(fd)
        raise
    return fd


def in_gvisor() -> bool:
    """Whether this kernel is gVisor's: its kernel log begins with a line that names it, in every release."""
    buffer = ctypes.create_string_buffer(4096)
    length = _libc.klogctl(ctypes.c_int(_SYSLOG_READ_ALL), buffer, ctypes.c_int(len(buffer)))
    return length > 0 and b"gVisor" in buffer.raw[:length]


def _check(result: int, path: str | None = None) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno() or errno.EIO
    raise OSError(number, os.strerror(number), path)
