"""Other processes at the same cells: the journal shares them out, so more of them are more arenas at once.

Processes and not threads: a run takes signals for itself, and one that is killed takes no other with it.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from runner.campaign.drive import Campaign
from runner.campaign.journal import Journal


@contextmanager
def helpers(words: Sequence[str], count: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """So many more processes of this program, at the command that ``words`` say; ended, if they still run, at the end.

    Only their progress is heard: the result is printed once, by whoever asked for them.
    """
    command = [sys.executable, "-m", "runner", *words]
    started: list[subprocess.Popen[bytes]] = []
    try:
        while len(started) < count:
            started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        yield started
    finally:
        for one in started:
            if one.poll() is None:
                # Its run stops in order and undoes.
                one.terminate()
        for one in started:
            one.wait()


def together(work: Callable[[], Campaign], journal: Journal, others: Sequence["subprocess.Popen[bytes]"]) -> Campaign:
    """Work until nothing is left, also of what helpers had taken and did not finish.

    Args:
        work: Runs what is left and free.
        journal: Where helpers leave what they finished.
        others: The helpers.
    """
    while True:
        # Looked at before: a helper that ends meanwhile leaves something to be taken in.
        helped = any(one.poll() is None for one in others)
        campaign = work()
        if campaign.end != "elsewhere" or not helped:
            return campaign
        for one in others:
            one.wait()
        journal.refresh()
