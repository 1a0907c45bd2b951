"""What k3s and cAdvisor look for in the cgroup hierarchy: the mounts, two controllers, the root's per-CPU usage.

The order and the texts are those of containerd/cgroups (v3.1, cgroup1.Default) and opencontainers/cgroups. Nothing is
mounted or created here.
"""

import os
from pathlib import Path

from runner.standin import go_text, kernel
from runner.standin.lines import Printer

CGROUP_ROOT = "/sys/fs/cgroup"
_USAGE = "cpuacct.usage_percpu"
_MOUNTINFO_FIELDS = 10
_READ_SIZE = 65536


class CgroupError(Exception):
    """The cgroup hierarchy is not as k3s needs it; the text is k3s's or libcontainer's."""


def mountinfo() -> list[list[str]]:
    """The fields of each line of /proc/self/mountinfo."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [line.split() for line in text.splitlines()]


def validate(out: Printer) -> None:
    """k3s's check before its agent starts.

    Raises:
        CgroupError: No hierarchy, or no memory controller in it.
    """
    if _is_unified():
        present = Path(CGROUP_ROOT, "cgroup.controllers").read_text(encoding="ascii").split()
        for name in ("cpu", "cpuset", "memory"):
            if name not in present:
                raise CgroupError(f"failed to find {name} cgroup (v2)")
        return
    root = _legacy_root()
    if not os.path.lexists(f"{root}/cpuset"):
        out.warning(
            'Failed to find cpuset cgroup, you may need to add "cgroup_enable=cpuset" to your linux cmdline '
            "(/boot/cmdline.txt on a Raspberry Pi)"
        )
    if not os.path.lexists(f"{root}/memory"):
        advice = (
            'ailed to find memory cgroup, you may need to add "cgroup_memory=1 cgroup_enable=memory" '
            "to your linux cmdline (/boot/cmdline.txt on a Raspberry Pi)"
        )
        out.error("F" + advice)
        raise CgroupError("f" + advice)


def root_usage_per_cpu() -> list[int]:
    """CPU time of the root cgroup in ns, per CPU; empty where cpuacct is not mounted (libcontainer skips it).

    Raises:
        CgroupError: cpuacct is mounted and has no such file, or it does not hold numbers.
    """
    directory = _cpuacct_mount()
    if directory is None:
        return []
    path = f"{directory}/{_USAGE}"
    text = _read_beneath(path)
    try:
        return [int(word) for word in text.split()]
    except ValueError as error:
        raise CgroupError(f"unable to parse {path}: {error}") from error


def _is_unified() -> bool:
    try:
        return kernel.filesystem_type(CGROUP_ROOT) == kernel.CGROUP2_SUPER_MAGIC
    except OSError as error:
        raise CgroupError("unhandled cgroup mode") from error


def _legacy_root() -> str:
    for fields in mountinfo():
        if len(fields) >= _MOUNTINFO_FIELDS and fields[-3] == "cgroup":
            return str(Path(fields[4]).parent)
    raise CgroupError("cgroups: cgroup mountpoint does not exist")


def _cpuacct_mount() -> str | None:
    for fields in mountinfo():
        if len(fields) >= _MOUNTINFO_FIELDS and fields[-3] == "cgroup" and "cpuacct" in fields[-1].split(","):
            return fields[4]
    return None


def _read_beneath(path: str) -> str:
    """Read a file of the hierarchy as libcontainer does: openat2 below /sys/fs/cgroup, else a plain open."""
    operation, fd = "openat2", -1
    try:
        try:
            root = kernel.openat2(-1, CGROUP_ROOT, os.O_DIRECTORY | os.O_PATH, 0)
        except OSError:  # a kernel without openat2
            operation = "open"
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        else:
            try:
                beneath = os.path.relpath(path, CGROUP_ROOT)
                fd = kernel.openat2(root, beneath, os.O_RDONLY, kernel.RESOLVE_BENEATH | kernel.RESOLVE_NO_MAGICLINKS)
            finally:
                os.close(root)
        return os.read(fd, _READ_SIZE).decode(errors="replace")
    except OSError as error:
        raise CgroupError(go_text.path_error(operation, path, error)) from error
    finally:
        if fd >= 0:
            os.close(fd)
