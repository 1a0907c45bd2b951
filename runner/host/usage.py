"""How much memory and processor time a run takes, all processes of the workload together.

Memory is the largest sum of resident sets seen, by looking once a second: the kernel keeps a high-water mark for each
process only, and cgroups, which keep one for a group, cannot be counted on in a sandbox. Pages that several processes
share count for each of them. Processor time is exact: whoever dies is waited for, by the launcher at the latest, and
hands its time up.
"""

import os
import resource
from pathlib import Path

import trio

from runner.intercept.descendants import descendants

LOOK_EVERY_S = 1.0
_MIB = 2**20
# Fields of /proc/PID/stat behind the name, from 0: the third of the manual is the first here.
_RSS_PAGES = 21


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
            self.look(descendants(self._ancestor))
            await trio.sleep(LOOK_EVERY_S)

    def look(self, pids: list[int]) -> None:
        """Take one sample of some processes."""
        pages = sum(_resident_pages(self._proc / str(pid) / "stat") for pid in pids)
        self.peak_rss_mib = max(self.peak_rss_mib, pages * self._page_mib)
        self.peak_processes = max(self.peak_processes, len(pids))


def children_cpu_s() -> float:
    """Processor seconds of all that this process waited for, and of all that they did, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _resident_pages(stat: Path) -> int:
    try:
        # The name in parentheses may hold anything, also parentheses.
        return int(stat.read_bytes().rpartition(b")")[2].split()[_RSS_PAGES])
    except (OSError, ValueError, IndexError):  # gone meanwhile
        return 0
