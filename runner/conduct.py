"""One run, seen from outside its arena: start the inside, follow its events, keep the evidence, make the result.

The events are folded here by the same judge that decides inside, so the result on disk is never older than the last event:
when the inside is killed, what is known so far is already written.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import attrs
import trio

from runner.arena.limits import Limited, limits
from runner.core.codec import FormatError, event_from_line, plan_to_json
from runner.core.judge import Judge
from runner.core.lines import LineSplitter
from runner.core.outcome import RunIdentity, outcome
from runner.core.prepare import kind_of
from runner.host.clock import RunClock, utc
from runner.host.store import RunDirectory, StoreError, new_run_id
from runner.log import log
from runner.model.events import (
    AnyEvent,
    HarnessFailed,
    Interrupted,
    RunFinished,
    StepDone,
    WorkloadExited,
    WorkloadStarted,
)
from runner.model.plan import RunPlan
from runner.model.result import ArenaInfo, RunResult, WorkloadInfo

Watcher = Callable[[AnyEvent, Judge], None]
Beside = Callable[[RunPlan, int], Awaitable[None]]

# Last words of the sandbox that are kept for the error message when it dies without having said anything itself.
STDERR_KEPT = 4000
RESULT_EVERY_S = 1.0
# A sandbox speaks after a second and a half, on a busy machine after five; gVisor on KVM in a virtual machine never did, at
# full load. The deadline of a run is kept inside, so a sandbox that stands still would go on for ever.
SPEAKS_WITHIN_S = 60.0
OVERTIME_S = 120.0
# A line of a log is at most 64 KiB; quoted as JSON it can be six times that, and the totals of an interceptor a bit more.
EVENT_LINE_BYTES = 2**24


@attrs.frozen(kw_only=True)
class Inside:
    """How to start the inside of an arena."""

    argv: tuple[str, ...]
    env: dict[str, str]


async def conduct(
    plan: RunPlan,
    inside: Inside,
    *,
    began: float,
    results: Path,
    workload: WorkloadInfo,
    arena: ArenaInfo,
    environment: dict[str, str],
    watcher: Watcher,
    beside: Beside | None = None,
) -> tuple[RunResult, Path]:
    """Carry out a plan in an arena.

    Args:
        plan: What to do.
        inside: The command that runs :mod:`runner.inner` in the arena.
        began: Wall-clock time of the user's command, in seconds.
        results: The ``results`` directory.
        workload: What the result says of the workload.
        arena: What the result says of the arena.
        environment: Facts of the machine outside.
        watcher: Called with each event after it was judged, to draw progress.
        beside: A task for the run's time, told the plan and the first process of the arena.

    Returns:
        The result and the run's directory.

    Raises:
        StoreError: Results cannot be written; what was written so far is kept, and the sandbox is ended.
    """
    started_at = utc(began)
    identity = RunIdentity(
        run_id=new_run_id(started_at), started_at=started_at, workload=workload, arena=arena, environment=environment
    )
    directory = RunDirectory(results, plan.experiment.name, identity.run_id)
    run = _Run(plan, identity, directory, RunClock(began), watcher)
    run.write()
    log().info("run.started", run_id=identity.run_id, experiment=plan.experiment.name, directory=str(directory.path))
    try:
        with limits(plan.faults, identity.run_id) as limited:
            await _carry_out(run, inside, limited, beside and partial(beside, plan))
    finally:
        directory.close()
    return run.finish(), directory.path


async def _carry_out(
    run: "_Run", inside: Inside, limited: Limited, beside: Callable[[int], Awaitable[None]] | None
) -> None:
    run.note_limits(limited)
    try:
        async with trio.open_nursery() as nursery:
            process = _start(inside, limited)
            log().debug("arena.started", pid=process.pid, command=inside.argv[0])
            nursery.start_soon(_interrupt_on_signal, process, run)
            if beside is not None:
                nursery.start_soon(beside, process.pid)
            try:
                await _follow(process, run, limited)
            finally:
                _end(process)
            nursery.cancel_scope.cancel()
    finally:
        run.note_limits(limited)


class _Run:
    """The fold of one run and its files."""

    def __init__(
        self, plan: RunPlan, identity: RunIdentity, directory: RunDirectory, clock: RunClock, watcher: Watcher
    ) -> None:
        self.clock = clock
        self.judge = Judge(plan)
        self._plan = plan
        self._identity = identity
        self._directory = directory
        self._watcher = watcher
        self._written_s = 0.0

    @property
    def lasts_s(self) -> float | None:
        """Seconds that the workload may take; None when it goes on until somebody ends it."""
        return None if self._plan.keep else self._plan.deadline_s

    def see(self, *events: AnyEvent) -> None:
        """Put a batch of events on record, then take each into account."""
        self._directory.record(*events)
        for event in events:
            self.judge.see(event)
            self._watcher(event, self.judge)
        self.write()

    def note_limits(self, limited: Limited) -> None:
        """Put on record which limits lie around the sandbox, and what was felt of them so far."""
        for fault in self._plan.faults:
            if fault.id in limited.groups:
                self.see(
                    StepDone(
                        at_s=self.clock.now_s(),
                        id=fault.id,
                        kind=kind_of(fault),
                        outcome="applied",
                        reason=fault.reason,
                        verified=limited.felt(fault),
                    )
                )

    def write(self) -> None:
        """Replace result.json by what is known now, at most once a second."""
        now_s = self.clock.now_s()
        if now_s - self._written_s < RESULT_EVERY_S and self._written_s:
            return
        self._written_s = now_s
        self._directory.write_result(
            outcome(self._plan, self.judge, self._identity, finished_at=None, duration_s=now_s)
        )

    def finish(self) -> RunResult:
        result = outcome(self._plan, self.judge, self._identity, finished_at=utc(now()), duration_s=self.clock.now_s())
        self._directory.write_result(result)
        return result


def _start(inside: Inside, limited: Limited) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C is for the runner, which then ends the run in order.
    return subprocess.Popen(
        (*limited.enter, *inside.argv),
        env={**inside.env, **limited.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


async def _follow(process: "subprocess.Popen[bytes]", run: _Run, limited: Limited) -> None:
    assert process.stdout is not None  # noqa: S101  asked for by _start
    assert process.stderr is not None  # noqa: S101
    stderr = bytearray()
    spoken = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_tail, os.dup(process.stderr.fileno()), stderr)
        async with trio.open_nursery() as guarded:
            guarded.start_soon(_end_if_stuck, process, run, spoken)
            splitter = LineSplitter(max_bytes=EVENT_LINE_BYTES)
            async with trio.lowlevel.FdStream(os.dup(process.stdout.fileno())) as stream:
                async for chunk in stream:
                    spoken.set()
                    run.see(*[_event(line.text, run.clock) for line in splitter.feed(bytes(chunk))])
            await trio.to_thread.run_sync(process.wait)
            guarded.cancel_scope.cancel()
        nursery.cancel_scope.deadline = trio.current_time() + 1
    if run.judge.ledger.finished:
        return
    if not run.judge.ledger.harness_errors:
        last = bytes(stderr).decode(errors="replace").strip()
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"exit code {process.returncode}"
        said = f"; its last words: {last}" if last else ""
        if limited.out_of_memory() and run.judge.ledger.started_at_s is not None:
            # The fault at work, not an error of ours: the kernel ended the sandbox, and the workload with it.
            run.see(WorkloadExited(at_s=run.clock.now_s(), code=None, signal=signal.SIGKILL))
        else:
            run.see(HarnessFailed(at_s=run.clock.now_s(), what=f"the inside of the arena ended early with {how}{said}"))
    run.see(RunFinished(at_s=run.clock.now_s()))


async def _end_if_stuck(process: "subprocess.Popen[bytes]", run: _Run, spoken: trio.Event) -> None:
    """End a sandbox that never says anything, or that nobody inside ends when its time is over."""
    with trio.move_on_after(SPEAKS_WITHIN_S):
        await spoken.wait()
    if not spoken.is_set():
        what = f"the sandbox hangs: it said nothing for {SPEAKS_WITHIN_S:.0f} s, and was ended"
    elif run.lasts_s is None:
        return
    else:
        await trio.sleep(run.lasts_s + OVERTIME_S)
        what = f"the sandbox hangs: it was still there {OVERTIME_S:.0f} s after the run's deadline, and was ended"
    run.see(HarnessFailed(at_s=run.clock.now_s(), what=what))
    process.kill()


def _event(text: str, clock: RunClock) -> AnyEvent:
    try:
        return event_from_line(text)
    except FormatError as error:
        what = f"the inside of the arena said something else than events: {error}"
        return HarnessFailed(at_s=clock.now_s(), what=what)


async def _keep_tail(fd: int, kept: bytearray) -> None:
    async with trio.lowlevel.FdStream(fd) as stream:
        async for chunk in stream:
            kept += chunk
            del kept[:-STDERR_KEPT]


async def _interrupt_on_signal(process: "subprocess.Popen[bytes]", run: _Run) -> None:
    """First signal: end of the lifeline, so the run stops and undoes. Second: kill everything now."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if process.stdin is not None and not process.stdin.closed:
                process.stdin.close()
                if run.judge.ledger.started_at_s is None:
                    run.see(Interrupted(at_s=run.clock.now_s(), by=signal.Signals(number).name))
            else:
                process.kill()


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def inner_command(plan: RunPlan, began: float) -> tuple[str, ...]:
    """The command that carries out ``plan`` inside an arena."""
    return (sys.executable, "-m", "runner.inner", repr(began), plan_to_json(plan))


def now() -> float:
    """Wall-clock time in seconds: the zero of a run's clock."""
    return time.time()


__all__ = ["Inside", "StoreError", "WorkloadStarted", "conduct", "inner_command", "now"]
