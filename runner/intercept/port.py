"""The kernel, as far as the tracer needs it: a small port with two adapters, ptrace and (in the tests) a simulator."""

from typing import Any, Protocol

from runner.intercept.machine import Go

_STOPPED = 0x7F
PATH_MAX = 4096


def is_stopped(status: int) -> bool:
    """Whether a wait status tells of a stop and not of an end (WIFSTOPPED, also for ptrace's events)."""
    return status & 0xFF == _STOPPED


class ThreadGoneError(Exception):
    """The thread does not exist any more (killed meanwhile): normal at any request; forget it and go on."""


class Kernel(Protocol):
    """Requests on stopped threads. Every one may raise :class:`ThreadGoneError`."""

    def wait(self, *, only_now: bool = False) -> tuple[int, int] | None:
        """Next thread and wait status; None if a signal or timer of the tracer's own woke it.

        Args:
            only_now: Do not wait: None if no thread has anything to report.

        Raises:
            ChildProcessError: Nothing is left to wait for.
        """

    def registers(self, tid: int) -> Any:  # noqa: ANN401  ctypes structure of the architecture
        """The registers at this stop; valid until the thread is resumed or another one is asked for."""

    def set_registers(self, tid: int, registers: Any) -> None:  # noqa: ANN401
        """Write the registers back."""

    def resume(self, tid: int, how: Go, signal: int = 0) -> None:
        """Let the thread go on."""

    def read(self, tid: int, address: int, size: int) -> bytes:
        """Memory, at most PATH_MAX bytes; shorter than ``size`` where it ends or cannot be read."""

    def text(self, tid: int, address: int) -> bytes | None:
        """The NUL-terminated path at ``address``; None if the kernel itself will refuse it (fault, too long)."""

    def write(self, tid: int, address: int, data: bytes) -> bool:
        """Write memory; False if it cannot be written."""

    def patch(self, tid: int, address: int, data: bytes) -> bool:
        """Write memory that the thread itself may not write; False if it cannot be done."""
