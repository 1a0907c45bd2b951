"""The loop: wait for a stop, tell the machine, do what it says. One thread, no waiting for anybody but tracees.

Threads report in any order: a child may stop before its parent's clone event, a leader may vanish when another thread
executes a program, and any thread may be killed between its stop and our request. Unknown threads are simply new ones, and
a request on a dead one is no error.
"""

import functools
import heapq
import os
import signal
import time
from collections.abc import Callable
from typing import Protocol

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.emit import Emitter
from runner.intercept.machine import (
    RUNNING,
    Abandon,
    Action,
    Announced,
    CallFiltered,
    Examine,
    Examined,
    Finish,
    Go,
    GroupStopped,
    Machine,
    ProgramReplaced,
    Resume,
    Rewrite,
    SignalArrived,
    Stop,
    SyscallStopped,
    Thread,
    Tracing,
)
from runner.intercept.port import Kernel, ThreadGoneError, is_stopped
from runner.intercept.signals import REPORT_EVERY_S, OwnSignals
from runner.intercept.verdict import LEAVE, Ending, Verdict

EVENT_EXEC = 4
EVENT_SECCOMP = 7
EVENT_STOP = 128
_SYSCALL_SIGNAL = signal.SIGTRAP | 0x80
_STOP_SIGNALS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)

# Every so many stops everybody gets a turn.
_ROUND = 64
# The wait status of a thread that the filter stopped: nearly every stop there is.
_FILTERED_STATUS = EVENT_SECCOMP << 16 | signal.SIGTRAP << 8 | 0x7F
_FAULTS = (signal.SIGSEGV << 8 | 0x7F, signal.SIGBUS << 8 | 0x7F)
_FILTERED = CallFiltered()
_SYSCALL = SyscallStopped()
_GROUP = GroupStopped()
_EXEC = ProgramReplaced()
_NEW_OR_ONWARD = Announced(fresh=True)
_PASSING = Announced()


@functools.cache
def decode(status: int) -> tuple[str, Stop]:
    """Kind (for the counts) and meaning of the wait status of a stopped thread."""
    number = (status >> 8) & 0xFF
    event = status >> 16
    if event == EVENT_SECCOMP:
        return "seccomp", _FILTERED
    if number == _SYSCALL_SIGNAL:
        return "syscall", _SYSCALL
    if event == EVENT_STOP:
        return ("group", _GROUP) if number in _STOP_SIGNALS else ("event", _NEW_OR_ONWARD)
    if event == EVENT_EXEC:
        return "exec", _EXEC
    if event:
        return "event", _PASSING
    return "signal", SignalArrived(number)


class Examines(Protocol):
    """Decides about the call that a thread is about to make."""

    def examine(self, tid: int) -> Verdict:
        """The verdict."""

    def recovers(self, tid: int) -> bool:
        """Whether a fault was of our own code in the program, which now goes on; the program must not hear of it."""

    def refresh(self) -> None:
        """Ask anew what was known; called about once a second."""

    def count(self) -> None:
        """Count what was not seen."""


class Finishes(Protocol):
    """Ends calls that were changed, and forgets what is gone."""

    def finish(self, tid: int, ending: Ending) -> None:
        """The call returned."""

    def abandon(self, ending: Ending) -> None:
        """The call will never return."""

    def new_program(self, pid: int) -> None:
        """The process has a new address space."""

    def gone(self, tid: int) -> None:
        """The thread is no more."""


@attrs.define
class Tracer:
    """Follows every thread of the workload until none is left, or until it is told to stop.

    Attributes:
        kernel: The port.
        machine: The table of stops.
        examiner: Decides about calls.
        finisher: Ends them.
        emitter: Reports.
        on_exit: Called with (pid, status) when a thread or child is gone; true ends the loop.
        on_exec: Called with the pid whose program was replaced.
        signals: The launcher's own signals: when to stop, when to report.
    """

    kernel: Kernel
    machine: Machine
    examiner: Examines
    finisher: Finishes
    emitter: Emitter
    on_exit: Callable[[int, int], bool]
    on_exec: Callable[[int], None]
    signals: OwnSignals
    _threads: dict[int, Thread] = attrs.field(factory=dict)
    _held: list[tuple[float, int, int, Go, int]] = attrs.field(factory=list)
    _held_count: int = 0
    _wake_due: float = 0.0
    _report_due: float = 0.0
    _handled: int = 0
    _over: bool = False

    def run(self) -> None:
        """Until the workload is over, no child is left, or the signals say stop."""
        while not (self._over or self.signals.stop):
            try:
                waited = self.kernel.wait()
            except ChildProcessError:
                return
            if waited is not None:
                self._handled += 1
                if self._handled % _ROUND == 0:
                    self._all_that_wait(waited)
                else:
                    self.handle(*waited)
            if self.signals.alarm:
                self.signals.alarm = False
                # While calls are held back, alarms come far more often than anybody wants to read totals.
                if time.monotonic() >= self._report_due:
                    self._report_due = time.monotonic() + REPORT_EVERY_S * 0.9
                    self.examiner.refresh()
                    self.emitter.report()
            if self._held:
                self._release()

    def _all_that_wait(self, waited: tuple[int, int]) -> None:
        """One thread and all others that are stopped now, each once.

        The kernel looks for a stopped thread always in the same order: two threads that made calls in a loop were seen to hold
        up a third for minutes.
        """
        everybody = [waited, *iter(functools.partial(self.kernel.wait, only_now=True), None)]
        for tid, status in everybody:
            self.handle(tid, status)

    def handle(self, tid: int, status: int) -> None:
        """One wait status."""
        if not is_stopped(status):
            self._gone(tid)
            self.emitter.stops["exit"] += 1
            self._over = self.on_exit(tid, status) or self._over
            return
        kind, stop = decode(status)
        self.emitter.stops[kind] += 1
        try:
            if status == _FILTERED_STATUS and tid not in self._threads:
                self._look(tid)
            elif status in _FAULTS and tid not in self._threads and self.examiner.recovers(tid):
                self.kernel.resume(tid, Go.CONT)
            else:
                self._step(tid, stop)
        except ThreadGoneError:
            self._gone(tid)

    def _look(self, tid: int) -> None:
        """The machine's answer to a filtered call of a thread with nothing pending; the short way if it is left alone."""
        verdict = self.examiner.examine(tid)
        if verdict is LEAVE and self.machine.tracing is Tracing.FILTERED:
            self.kernel.resume(tid, Go.CONT)
        else:
            self._step(tid, Examined(verdict))

    def _step(self, tid: int, stop: Stop) -> None:
        if stop is _EXEC:
            self.finisher.new_program(tid)
            self.on_exec(tid)
        thread, actions = self.machine.step(self._threads.get(tid, RUNNING), stop)
        # Remembered are only threads in the middle of something.
        if thread == RUNNING:
            self._threads.pop(tid, None)
        else:
            self._threads[tid] = thread
        for action in actions:
            self._do(tid, action)

    def _do(self, tid: int, action: Action) -> None:
        match action:
            case Resume(how, number, delay_s):
                if delay_s:
                    self._hold(tid, how, number, delay_s)
                else:
                    self.kernel.resume(tid, how, number)
            case Examine():
                self._step(tid, Examined(self.examiner.examine(tid)))
            case Rewrite(verdict):
                self._rewrite(tid, verdict)
            case Finish(ending):
                self.finisher.finish(tid, ending)
            case Abandon(ending):
                self.finisher.abandon(ending)

    def _rewrite(self, tid: int, verdict: Verdict) -> None:
        registers = self.kernel.registers(tid)
        abi.set_call(registers, verdict.number, verdict.arguments)
        self.kernel.set_registers(tid, registers)

    def _gone(self, tid: int) -> None:
        thread = self._threads.pop(tid, None)
        if thread is not None and thread.ending is not None:
            self.finisher.abandon(thread.ending)
        self.finisher.gone(tid)

    # Delays: only the calling thread waits

    def _hold(self, tid: int, how: Go, number: int, delay_s: float) -> None:
        self.emitter.delayed(delay_s)
        self._held_count += 1
        heapq.heappush(self._held, (time.monotonic() + delay_s, self._held_count, tid, how, number))

    def _release(self) -> None:
        now = time.monotonic()
        while self._held and self._held[0][0] <= now:
            _due, _order, tid, how, number = heapq.heappop(self._held)
            try:
                self.kernel.resume(tid, how, number)
            except ThreadGoneError:
                self._gone(tid)
        due = self._held[0][0] if self._held else 0.0
        if due != self._wake_due:
            self._wake_due = due
            self.signals.wake_in(max(due - now, 0.0005) if due else None)


def exit_code(status: int) -> tuple[int | None, int | None]:
    """Exit code and signal of a wait status; one of them is None."""
    code = os.waitstatus_to_exitcode(status)
    return (code, None) if code >= 0 else (None, -code)
