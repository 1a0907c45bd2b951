"""How much memory and processor time a run takes, all processes of the workload together.

Memory is the largest sum of resident sets seen, by looking once a second: the kernel keeps a high-water mark for each
process only, and cgroups, which keep one for a group, cannot be counted on in a sandbox. Pages that several processes
share count for each of them. Processor time is exact: whoever dies is waited for, by the launcher at the latest, and
hands its time up. Each process is read once a look, by three system calls: under gVisor, where one takes a tenth of a
millisecond and more, looking must not cost what it counts.
"""

import os
import re
import resource
from pathlib import Path

import trio

from runner.intercept.descendants import PARENT, below, stat_fields

LOOK_EVERY_S = 1.0
_MIB = 2**20
# From here on a process's mappings are looked at one by one, which takes milliseconds.
SUSPICIOUS_MIB = 4096
# Position in /proc/PID/stat behind the name.
_RSS_PAGES = 21
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ \d+ *(?P<path>.*)")


class UsageMeter:
    """Watches the processes below one.

    Args:
        ancestor: The launcher; it is no part of the workload and not counted.
        proc: Where the process table is.
    """

    def __init__(self, ancestor: int, proc: Path = Path("/proc")) -> None:
        self._ancestor = ancestor
        self._proc = proc
        self._page_mib = os.sysconf("SC_PAGE_SIZE") / _MIB
        self.peak_rss_mib = 0.0
        self.peak_processes = 0

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await trio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Take one sample."""
        table = {int(entry.name): _stat(entry / "stat") for entry in self._proc.iterdir() if entry.name.isdigit()}
        parents = {pid: parent for pid, (parent, _) in table.items()}
        family = below(self._ancestor, parents)
        held_mib = sum(self._resident_mib(pid, table[pid][1]) for pid in family)
        self.peak_rss_mib = max(self.peak_rss_mib, held_mib)
        self.peak_processes = max(self.peak_processes, len(family))

    def _resident_mib(self, pid: int, pages: int) -> float:
        said_mib = pages * self._page_mib
        if said_mib < SUSPICIOUS_MIB:
            return said_mib
        return said_mib - _beyond_files(self._proc / str(pid)) / _MIB


def children_cpu_s() -> float:
    """Processor seconds of all that this process waited for, and of all that they did, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _stat(path: Path) -> tuple[int, int]:
    """A process's parent and resident pages; neither when it is gone meanwhile."""
    try:
        fields = stat_fields(path)
        return int(fields[PARENT]), int(fields[_RSS_PAGES])
    except (OSError, ValueError, IndexError):
        return 0, 0


def _beyond_files(process: Path) -> int:
    """Bytes that count as resident although their file has none there."""
    beyond, size = 0, None
    try:
        for line in (process / "smaps").read_text(errors="replace").splitlines():
            if mapping := _MAPPING.match(line):
                size = _size_of(mapping["path"])
            elif size is not None and line.startswith("Rss:"):
                beyond += max(int(line.split()[1]) * 1024 - size, 0)
    except (OSError, ValueError, IndexError):
        return 0
    return beyond


def _size_of(path: str) -> int | None:
    """A mapped file's size; None for what is no file, or gone."""
    try:
        return Path(path).stat().st_size if path.startswith("/") else None
    except OSError:
        return None
