"""The launcher, with a hand that kills: ``killing_launcher.py KIND --plan-fd N --events-fd N``.

The first process other than the workload's first one that stops in the given way gets SIGKILL between its stop and whatever
the tracer does about it: every request from then on finds it gone. Which one it was is said on stderr.
"""

import os
import signal
import sys

from runner.intercept import __main__ as launcher
from runner.intercept.port import is_stopped
from runner.intercept.tracer import Tracer, decode
from runner.intercept.verdict import MapScreener, MapTable
from runner.intercept.world import process_of

kind, arguments = sys.argv[1], sys.argv[2:]
handle = Tracer.handle
first: list[int] = []
killed: list[int] = []


def kill_and_handle(tracer: Tracer, tid: int, status: int) -> None:
    if not first:
        first.append(process_of(tid))
    # A rewritten call that is about to return is another matter than one that begins.
    pending = tracer._threads.get(tid)
    found = decode(status)[0] if is_stopped(status) else ""
    if found == "syscall" and pending is not None and pending.ending is not None:
        found = "hit-exit"
        match pending.ending.effects:
            case (MapScreener(),):
                found = "screener-mapped"
            case (MapTable(),):
                found = "table-mapped"
    # Looked up no more often than needed: a slow tracer serves the first thread alone, and a storm of signals takes minutes.
    if not killed and found == kind and (process := process_of(tid)) != first[0]:
        killed.append(process)
        os.kill(process, signal.SIGKILL)
        sys.stderr.write(f"killed at {kind}\n")
        sys.stderr.flush()
    handle(tracer, tid, status)


Tracer.handle = kill_and_handle  # type: ignore[method-assign]
sys.exit(launcher.main(arguments))
