"""A kernel for the tracer's tests: threads that follow scripts, and stops in Linux's or gVisor's order.

It checks by itself what a kernel would punish: requests on running threads, resuming without need.
"""

import signal
from collections.abc import Callable
from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.machine import Go, Order
from runner.intercept.port import ThreadGoneError

FILTERED = abi.NUMBERS["openat"]
PLAIN = abi.NUMBERS["getpid"]
MMAP = abi.NUMBERS["mmap"]
MAPPED_AT = 0x6000_0000
_EVENT = {"clone": 3, "exec": 4, "seccomp": 7, "stop": 128}


@attrs.frozen
class Call:
    """A system call; ``number`` FILTERED or PLAIN."""

    number: int
    arguments: tuple[int, ...]


@attrs.frozen
class Receive:
    """A signal arrives."""

    number: int


@attrs.frozen
class Stop:
    """The process is stopped and continued."""


@attrs.frozen
class Spawn:
    """A thread is born; which reports first, parent or child, is chance."""

    script: tuple[Any, ...]


@attrs.frozen
class Exec:
    """The program is replaced (the call itself is one that nobody traces)."""


@attrs.define
class SimulatedThread:
    script: tuple[Any, ...]
    registers: Any = attrs.field(factory=abi.Registers)
    at: int = 0
    phase: str = "born"
    stopped: bool = False
    dead: bool = False
    how: Go = Go.CONT
    executed: list[tuple[int, tuple[int, ...]]] = attrs.field(factory=list)
    received: list[int] = attrs.field(factory=list)
    kept: list[bool] = attrs.field(factory=list)


@attrs.define
class SimulatedKernel:
    """Implements :class:`runner.intercept.port.Kernel`.

    Attributes:
        order: Of stops.
        filtering: Whether the filter is installed.
        choose: Picks an index below its argument: which of several pending stops is reported next.
        kill_before: Told the number of each request; true kills the thread first.
    """

    order: Order
    filtering: bool
    choose: Callable[[int], int]
    kill_before: Callable[[int], bool] = lambda _count: False
    threads: dict[int, SimulatedThread] = attrs.field(factory=dict)
    memory: dict[int, bytes] = attrs.field(factory=dict)
    requests: int = 0
    _pending: list[tuple[int, int]] = attrs.field(factory=list)
    _next: int = 5_000_000  # above any real thread number: looks into /proc find nothing

    def spawn(self, script: tuple[Any, ...]) -> int:
        tid = self._next
        self._next += 1
        self.threads[tid] = SimulatedThread(script)
        self._stop(tid, "stop", signal.SIGTRAP)
        return tid

    # The port

    def wait(self, *, only_now: bool = False) -> tuple[int, int] | None:
        if not self._pending and only_now:
            return None
        if not self._pending:
            running = [tid for tid, thread in self.threads.items() if not thread.dead]
            assert not running, f"the tracer waits for ever: {running} are stopped or were never resumed"
            raise ChildProcessError
        return self._pending.pop(self.choose(len(self._pending)))

    def registers(self, tid: int) -> Any:
        return abi.copy(self._stopped(tid).registers)

    def set_registers(self, tid: int, registers: Any) -> None:
        self._stopped(tid).registers = abi.copy(registers)

    def read(self, tid: int, address: int, size: int) -> bytes:
        self._stopped(tid)
        return self.memory.get(address, b"")[:size]

    def text(self, tid: int, address: int) -> bytes | None:
        return self.read(tid, address, 4096).partition(b"\0")[0]

    def write(self, tid: int, address: int, data: bytes) -> bool:
        self._stopped(tid)
        self.memory[address] = data
        return True

    def resume(self, tid: int, how: Go, signal_number: int = 0) -> None:
        thread = self._stopped(tid)
        assert thread.phase == "signal" or not signal_number, "a signal was made up"
        thread.stopped = False
        if thread.phase == "signal" and signal_number:
            thread.received.append(signal_number)
        if thread.phase == "group":
            assert how is Go.LISTEN, "a group stop was left by the tracer"
            thread.phase = "listening"
            self._stop(tid, "stop", signal.SIGTRAP)
            return
        thread.how = how
        self._advance(tid, thread)

    # What threads do

    def _stopped(self, tid: int) -> SimulatedThread:
        thread = self.threads[tid]
        self.requests += 1
        if not thread.dead and self.kill_before(self.requests):
            thread.dead = True
            self._pending.append((tid, signal.SIGKILL))
        if thread.dead:
            raise ThreadGoneError
        assert thread.stopped, f"a request on {tid}, which runs"
        return thread

    def _advance(self, tid: int, thread: SimulatedThread) -> None:
        """From a stop to the next one."""
        match thread.phase:
            case "seccomp" if self.order is Order.SECCOMP_THEN_ENTRY and thread.how is Go.SYSCALL:
                self._syscall_stop(tid, "entry")
            case "seccomp":
                self._execute(tid, thread)
            case "entry" if self._filters(thread) and self.order is Order.SECCOMP_THEN_EXIT:
                self._stop(tid, "seccomp", signal.SIGTRAP)
            case "entry":
                self._execute(tid, thread)
            case "exit":
                self._return(tid, thread)
            case _:
                self._go_on(tid, thread)

    def _filters(self, thread: SimulatedThread) -> bool:
        return self.filtering and thread.script[thread.at].number == FILTERED

    def _go_on(self, tid: int, thread: SimulatedThread) -> None:
        if thread.at == len(thread.script):
            thread.dead = True
            self._pending.append((tid, 0))
            return
        match thread.script[thread.at]:
            case Call():
                self._enter(tid, thread)
            case Receive(number):
                thread.at += 1
                thread.phase = "signal"
                self._report(tid, number << 8 | 0x7F)
            case Stop():
                thread.at += 1
                thread.phase = "group"
                self._report(tid, _EVENT["stop"] << 16 | signal.SIGSTOP << 8 | 0x7F)
            case Spawn(script):
                thread.at += 1
                self.spawn(script)
                self._stop(tid, "clone", signal.SIGTRAP)
            case Exec():
                thread.at += 1
                # Without a filter the exit of execve is still to come.
                self._stop(tid, "exec", signal.SIGTRAP)
                thread.phase = "exec"

    def _enter(self, tid: int, thread: SimulatedThread) -> None:
        call = thread.script[thread.at]
        thread.registers.orig_rax = call.number
        thread.registers.rip = self._after(thread)
        thread.registers.cs = 0x33
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), call.arguments, strict=True):
            setattr(thread.registers, name, value)
        if self._filters(thread) and self.order is Order.SECCOMP_THEN_ENTRY:
            self._stop(tid, "seccomp", signal.SIGTRAP)
        elif thread.how is Go.SYSCALL:
            self._syscall_stop(tid, "entry")
        elif self._filters(thread):
            self._stop(tid, "seccomp", signal.SIGTRAP)
        else:
            self._execute(tid, thread)

    @staticmethod
    def _after(thread: SimulatedThread) -> int:
        """Address of the instruction behind the call, one for each."""
        return 0x400000 + 16 * thread.at + 2

    def _execute(self, tid: int, thread: SimulatedThread) -> None:
        number, arguments = abi.number(thread.registers), abi.arguments(thread.registers)
        if number == MMAP:
            abi.set_result(thread.registers, MAPPED_AT)
        else:
            thread.executed.append((number, arguments))
            abi.set_result(thread.registers, 7)
        if thread.how is Go.SYSCALL:
            self._syscall_stop(tid, "exit")
        else:
            self._return(tid, thread)

    def _return(self, tid: int, thread: SimulatedThread) -> None:
        call = thread.script[thread.at]
        if thread.registers.rip == self._after(thread):
            thread.kept.append(abi.arguments(thread.registers) == call.arguments)
            thread.at += 1
        else:
            assert thread.registers.rip == self._after(thread) - 2
            assert thread.registers.rax == call.number
        self._go_on(tid, thread)

    def _syscall_stop(self, tid: int, phase: str) -> None:
        thread = self.threads[tid]
        if phase == "entry":
            abi.set_result(thread.registers, -abi.ENOSYS)
        thread.phase = phase
        self._report(tid, (signal.SIGTRAP | 0x80) << 8 | 0x7F)

    def _stop(self, tid: int, event: str, number: int) -> None:
        self.threads[tid].phase = event
        self._report(tid, _EVENT[event] << 16 | number << 8 | 0x7F)

    def _report(self, tid: int, status: int) -> None:
        self.threads[tid].stopped = True
        self._pending.append((tid, status))
