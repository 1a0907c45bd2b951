"""The C library's calls that Python has no name for. Thin: numbers in, OSError out."""

import ctypes
import os
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
WAIT_ALL = 0x40000000  # __WALL: also threads, and children without an exit signal

library = ctypes.CDLL(None, use_errno=True)


class IoVector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class FilterProgram(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


library.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
library.waitpid.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
library.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong)
library.ptrace.restype = ctypes.c_long
library.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
library.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
for _transfer in (library.process_vm_readv, library.process_vm_writev):
    _transfer.argtypes = (
        ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong,
    )  # fmt: skip
    _transfer.restype = ctypes.c_ssize_t


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    """Set a property of this process.

    Raises:
        OSError: The kernel refused.
    """
    _check(library.prctl(option, first, second, 0, 0), f"prctl({option})")


def install_filter(program: bytes) -> None:
    """Install a seccomp filter on the calling thread and all that descend from it, for ever.

    Raises:
        OSError: Without CAP_SYS_ADMIN and without no_new_privs, or not supported.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    header = FilterProgram(len(program) // 8, ctypes.addressof(buffer))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Put a filesystem, or a bind of something, on ``target``.

    Raises:
        OSError: As the kernel says.
    """
    strings: list[Any] = [os.fsencode(text) if text else None for text in (source, target, kind)]
    _check(library.mount(*strings, flags, os.fsencode(data) if data else None), f"mount {kind or source} on {target}")


def unmount(target: str, flags: int = 0) -> None:
    """Take the topmost mount on ``target`` away.

    Raises:
        OSError: As the kernel says.
    """
    _check(library.umount2(os.fsencode(target), flags), f"umount {target}")


def setns(descriptor: int, kind: int) -> None:
    """Put the calling thread into a namespace.

    Args:
        descriptor: Of the namespace's file.
        kind: The CLONE_NEW flag of its kind.

    Raises:
        OSError: As the kernel says.
    """
    _check(library.setns(descriptor, kind), f"setns({kind:#x})")


def unshare(flags: int) -> None:
    """Give the calling thread namespaces of its own.

    Raises:
        OSError: As the kernel says.
    """
    _check(library.unshare(flags), f"unshare({flags:#x})")
