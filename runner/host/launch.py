"""Starts the launcher (the interceptor's own process, which starts the workload) and reports what it says.

The launcher is asked for early, so that its interpreter starts while steps are still being applied: it waits for its plan
on a pipe. It is started from the main thread by hand, not by ``trio.lowlevel.open_process``, which forks in a worker
thread: the kernel sends the launcher's parent-death signal when the forking *thread* ends, and Trio's idle threads end
after ten seconds.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import trio

from runner.host.clock import RunClock
from runner.host.watch import LineNumberer, Send, watch_pipe
from runner.model.events import (
    ArenaReady,
    HarnessFailed,
    InterceptionCounted,
    PathRedirected,
    PathUsed,
    WorkloadExited,
    WorkloadStarted,
)

LAST_WORDS_WITHIN_S = 1.0


class Launcher:
    """The launcher process and its three pipes: plan in, events out, the workload's output out."""

    def __init__(self) -> None:
        plan_read, self._plan_write = os.pipe()
        self._events_read, events_write = os.pipe()
        self._output_read, output_write = os.pipe()
        command = [
            sys.executable,
            "-m",
            "runner.intercept",
            "--plan-fd",
            str(plan_read),
            "--events-fd",
            str(events_write),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output_write,
            stderr=output_write,
            pass_fds=(plan_read, events_write),
            start_new_session=True,
        )
        for fd in (plan_read, events_write, output_write):
            os.close(fd)
        self._stopping = False

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        return self._process.pid

    async def start(self, plan_json: str) -> None:
        """Hand over the plan; the workload starts when the launcher has read it all."""
        async with trio.lowlevel.FdStream(self._plan_write) as stream:
            await stream.send_all(plan_json.encode())

    async def watch(self, command: tuple[str, ...], clock: RunClock, send: Send, *, tagged: bool = False) -> None:
        """Report everything until the launcher and all its children have closed their ends.

        Args:
            command: The workload's command line.
            clock: The run's clock.
            send: Where events go.
            tagged: The workload's lines bear the names of its components.
        """
        output_ended = trio.Event()
        reporter = _Reporter(command, clock, send, output_ended)

        async def output() -> None:
            await watch_pipe(self._output_read, LineNumberer("workload", clock, send, tagged=tagged))
            output_ended.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(output)
            nursery.start_soon(self._watch_events, reporter)

    async def _watch_events(self, reporter: "_Reporter") -> None:
        rest = b""
        async with trio.lowlevel.FdStream(self._events_read) as stream:
            async for chunk in stream:
                *lines, rest = (rest + bytes(chunk)).split(b"\n")
                for line in lines:
                    await reporter.report(json.loads(line))
        await trio.to_thread.run_sync(self._process.wait)
        if not self._stopping:
            await reporter.launcher_ended(self._process.returncode)

    def begin_delays(self) -> None:
        """Let the delays hold that wait for a line."""
        self._signal(signal.SIGUSR1)

    async def stop(self, within_s: float) -> None:
        """End the workload and the launcher: asked first, killed after ``within_s`` seconds."""
        self._stopping = True
        self._signal(signal.SIGTERM)
        with trio.CancelScope(shield=True), trio.move_on_after(within_s):
            await trio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
            return
        self.kill()

    def kill(self) -> None:
        """End the launcher at once; its children follow, since the kernel or the launcher's own subreaper sees to it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


class _Reporter:
    """Turns the launcher's records into the run's events."""

    def __init__(self, command: tuple[str, ...], clock: RunClock, send: Send, output_ended: trio.Event) -> None:
        self._command = command
        self._clock = clock
        self._send = send
        self._output_ended = output_ended
        self._exited = False

    async def report(self, record: dict[str, Any]) -> None:
        at_s = self._clock.of_wall_clock(record["t"])
        match record["event"]:
            case "started":
                await self._send(WorkloadStarted(at_s=at_s, pid=record["pid"], command=self._command))
            case "redirected":
                await self._send(
                    PathRedirected(
                        at_s=at_s,
                        pid=record["pid"],
                        path=record["path"],
                        target=record["target"],
                        syscall=record["syscall"],
                    )
                )
            case "observed":
                await self._send(PathUsed(at_s=at_s, pid=record["pid"], path=record["path"], how=record["syscall"]))
            case "report":
                await self._send(
                    InterceptionCounted(
                        at_s=at_s,
                        stops=record["stops"],
                        calls=record["calls"],
                        redirects_by_path=record["redirects_by_path"],
                        tracer_cpu_s=record["tracer_cpu_s"],
                        events_dropped=record["dropped"],
                        delayed=record["delayed"],
                        delayed_s=record["delayed_s"],
                    )
                )
            case "exited":
                self._exited = True
                # Its last words say why it ended; they come through another pipe, and must not come too late.
                with trio.move_on_after(LAST_WORDS_WITHIN_S):
                    await self._output_ended.wait()
                await self._send(WorkloadExited(at_s=at_s, code=record["code"], signal=record["signal"]))
            case "probed":
                facts = {f"probe_{name}": fact for name, fact in record["facts"].items()}
                await self._send(ArenaReady(at_s=at_s, facts=facts))
            case "failed":
                self._exited = True
                await self._send(HarnessFailed(at_s=at_s, what=f"interceptor: {record['what']}"))
            case unknown:
                await self._send(HarnessFailed(at_s=at_s, what=f"the interceptor reported an unknown {unknown!r}"))

    async def launcher_ended(self, returncode: int) -> None:
        """The launcher is gone; if it never said how the workload ended, that is news."""
        if not self._exited:
            what = f"the interceptor's process ended unasked with {_ending(returncode)}; its tracees died with it"
            await self._send(HarnessFailed(at_s=self._clock.now_s(), what=what))


def _ending(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
