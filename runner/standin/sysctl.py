"""Reading and writing /proc/sys, with the calls and the error texts of Kubernetes' sysctl package.

Only the calls: which value is wanted, and whether a failure matters, differs between k3s, kubelet and kube-proxy.
"""

import os

from runner.standin import go_text

ROOT = "/proc/sys"
_READ_SIZE = 4096


class SysctlError(Exception):
    """A sysctl could not be read or written; the text is Go's: ``open /proc/sys/...: no such file or directory``."""


def read(name: str) -> int:
    """The value of a sysctl such as ``vm/overcommit_memory``.

    Raises:
        SysctlError: The file cannot be opened or read, or does not hold a number.
    """
    path = f"{ROOT}/{name}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SysctlError(go_text.path_error("open", path, error)) from error
    try:
        text = os.read(fd, _READ_SIZE).decode(errors="replace").strip(" \n")
    except OSError as error:
        raise SysctlError(go_text.path_error("read", path, error)) from error
    finally:
        os.close(fd)
    try:
        return int(text)
    except ValueError as error:
        raise SysctlError(f"strconv.Atoi: parsing {go_text.quote(text)}: invalid syntax") from error


def write(name: str, value: int) -> None:
    """Set a sysctl; as Go's os.WriteFile does, make the file where the file system lets one (a tmpfs does).

    Raises:
        SysctlError: The file cannot be opened or the kernel refuses the value.
    """
    path = f"{ROOT}/{name}"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise SysctlError(go_text.path_error("open", path, error)) from error
    try:
        os.write(fd, str(value).encode())
    except OSError as error:
        raise SysctlError(go_text.path_error("write", path, error)) from error
    finally:
        os.close(fd)


def differs(name: str, wanted: int) -> bool:
    """Whether a sysctl has another value than wanted; like k3s, take one that cannot be read for different."""
    try:
        return read(name) != wanted
    except SysctlError:
        return True
