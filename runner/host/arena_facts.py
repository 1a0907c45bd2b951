"""Facts of the arena, seen from inside: part of every result, since half of every "why" is a different sandbox."""

import ctypes
import os
import platform
import signal
from pathlib import Path

from runner.host.mounts import mount_table

BUILT = "Sun Jan 10 15:06:54 PST 2016"


def arena_facts() -> dict[str, str]:
    """Kernel, root filesystem, processors, memory and whether this is gVisor."""
    roots = [entry.fstype for entry in mount_table() if entry.target == "/"]
    return {
        "kernel": platform.release(),
        "root_filesystem": roots[-1] if roots else "unknown",
        "inside_gvisor": str(inside_gvisor()).lower(),
        "python": platform.python_version(),
        "arena_cpus": str(os.cpu_count()),
        "arena_memory_mib": str(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20),
    }


def inside_gvisor(proc: Path = Path("/proc")) -> bool:
    """Whether this process runs under gVisor's kernel.

    uname says "gvisor" only since 2026, and only since then is there a /proc/gvisor; but every gVisor, of 2022 as of 2026, says
    that its kernel was built in one and the same second of 2016.
    """
    if "gvisor" in platform.release().lower():
        return True
    try:
        said = (proc / "version").read_text()
    except OSError:
        return False
    return "gvisor" in said.lower() or BUILT in said or (proc / "gvisor").is_dir()


def tracing_refused() -> str:
    """Why a child cannot be traced here, found by letting one ask for it; empty when it can.

    A stop is not waited for: a kernel that refuses says so in the call's answer.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        answer = libc.ptrace(0, 0, 0, 0)
        os.write(writing, str(ctypes.get_errno() if answer else 0).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123  a descriptor has no path
        said = pipe.read()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    error = int(said or b"38")
    return os.strerror(error) if error else ""
