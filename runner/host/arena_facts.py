"""Facts of the arena, seen from inside: part of every result, since half of every "why" is a different sandbox."""

import os
import platform
from pathlib import Path

from runner.host.mounts import mount_table


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

    uname says "gvisor" only since 2026; /proc/version and the kernel's own boot messages have said it all along.
    """
    if "gvisor" in platform.release().lower():
        return True
    try:
        return "gvisor" in (proc / "version").read_text().lower() or (proc / "gvisor").is_dir()
    except OSError:
        return False
