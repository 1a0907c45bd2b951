"""Carries out the faults that a line of a log sets off: stops or kills processes of the workload, and says whom.

A process belongs to a component by the name of its program (``argv[0]``, as ``ps`` shows it). What a pause stopped goes on
when its time is over, and at the latest when the run ends: killing works on stopped processes, too.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import assert_never

import trio

from runner.host.clock import RunClock
from runner.intercept.descendants import descendants
from runner.model.events import AnyEvent, StepDone
from runner.model.fault import Kill, Pause, SlowDisk

Send = Callable[[AnyEvent], Awaitable[None]]


class Disturber:
    """Disturbs the processes below the launcher.

    Args:
        ancestor: The launcher; it is no part of the workload.
        begin_delays: Tells the launcher that its delays hold now.
        clock: The run's clock.
        send: Where events go.
        proc: Where the process table is.
    """

    def __init__(
        self, ancestor: int, begin_delays: Callable[[], None], clock: RunClock, send: Send, proc: Path = Path("/proc")
    ) -> None:
        self._ancestor = ancestor
        self._begin_delays = begin_delays
        self._clock = clock
        self._send = send
        self._proc = proc

    async def carry_out(self, fault: SlowDisk | Pause | Kill) -> None:
        """Disturb, and report it; nobody to disturb is a failed step, since the run then measured something else."""
        match fault:
            case SlowDisk():
                # How many calls they held back, the interceptor counts.
                self._begin_delays()
            case Pause():
                await self._pause(fault)
            case Kill():
                hit = self._signal(self._members(fault.component), signal.SIGKILL)
                await self._report(fault, hit, f"killed {_named(hit)}")
            case _:
                assert_never(fault)

    async def _pause(self, fault: Pause) -> None:
        stopped: dict[int, str] = {}
        # Who forks while being stopped leaves a child that runs: look again until there is nobody new.
        while new := self._signal(
            {pid: name for pid, name in self._members(fault.component).items() if pid not in stopped}, signal.SIGSTOP
        ):
            stopped |= new
        try:
            await self._report(fault, stopped, f"stopped {_named(stopped)}")
            await trio.sleep(fault.for_s)
        finally:
            self._signal(stopped, signal.SIGCONT)

    def _members(self, component: str) -> dict[int, str]:
        names = {pid: self._name(pid) for pid in descendants(self._ancestor)}
        return {pid: name for pid, name in names.items() if name and component in {"", name}}

    def _name(self, pid: int) -> str:
        """The program's name; empty for a process that is gone."""
        try:
            words = (self._proc / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return ""
        # A program may put its whole command line into argv[0], as k3s does: "k3s server".
        return os.fsdecode(words[0]).split(" ")[0].rsplit("/", 1)[-1]

    def _signal(self, members: dict[int, str], number: signal.Signals) -> dict[int, str]:
        reached = {}
        for pid, name in members.items():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            reached[pid] = name
        return reached

    async def _report(self, fault: Pause | Kill, hit: dict[int, str], what: str) -> None:
        kind = type(fault).__name__.lower()
        if hit:
            done = StepDone(
                at_s=self._clock.now_s(), id=fault.id, kind=kind, outcome="applied", reason=fault.reason, verified=what
            )
        else:
            reason = f"no process of the workload is called {fault.component!r} now"
            done = StepDone(at_s=self._clock.now_s(), id=fault.id, kind=kind, outcome="failed", reason=reason)
        await self._send(done)


def _named(hit: dict[int, str]) -> str:
    return ", ".join(f"{name} ({pid})" for pid, name in hit.items())
