"""The kernel's port through ptrace: python-ptrace's raw call, and nothing of its debugger.

All requests must come from the one thread that seized the tracees. Threads are never detached: with the filter installed and
no tracer every filtered call fails with ENOSYS. If this process dies, so do all tracees (EXITKILL).
"""

import ctypes
import errno
import os
from typing import Any

# Importing python-ptrace asks ctypes for the name of the C library, which starts ldconfig or a compiler: half a second
# inside a sandbox, to learn what is the same on every glibc system.
import ctypes.util  # isort: skip

_find_library = ctypes.util.find_library
ctypes.util.find_library = lambda name: "libc.so.6" if name == "c" else _find_library(name)

from ptrace.binding.func import (  # noqa: E402  after the above
    PTRACE_CONT,
    PTRACE_GETREGS,
    PTRACE_O_TRACECLONE,
    PTRACE_O_TRACEEXEC,
    PTRACE_O_TRACEFORK,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_O_TRACEVFORK,
    PTRACE_POKEDATA,
    PTRACE_SETREGS,
    PTRACE_SYSCALL,
    ptrace,
)
from ptrace.error import PtraceError  # noqa: E402

from runner.intercept import abi_x86_64 as abi  # noqa: E402
from runner.intercept.libc import WAIT_ALL, IoVector, library  # noqa: E402
from runner.intercept.machine import Go  # noqa: E402
from runner.intercept.port import PATH_MAX, ThreadGoneError  # noqa: E402

ctypes.util.find_library = _find_library

# What python-ptrace does not know.
PTRACE_SEIZE = 0x4206
PTRACE_LISTEN = 0x4208
PTRACE_O_TRACESECCOMP = 0x80
PTRACE_O_EXITKILL = 0x100000
OPTIONS = (
    PTRACE_O_EXITKILL
    | PTRACE_O_TRACESYSGOOD
    | PTRACE_O_TRACECLONE
    | PTRACE_O_TRACEFORK
    | PTRACE_O_TRACEVFORK
    | PTRACE_O_TRACEEXEC
    | PTRACE_O_TRACESECCOMP
)
_REQUESTS = {Go.CONT: PTRACE_CONT, Go.SYSCALL: PTRACE_SYSCALL, Go.LISTEN: PTRACE_LISTEN}
_PAGE = 4096
_WORD = 8
# Nearly all paths are shorter; a second, larger read is rare and cheaper than always reading PATH_MAX.
_SHORT = 256
_LAST_SHORT_START = _PAGE - _SHORT


class PtraceKernel:
    """Requests by ptrace; memory by process_vm_readv, or by /proc/PID/mem where that does not exist.

    A stop is paid for in system calls, so none is made twice: registers are fetched once a stop. All structures that the
    kernel writes into are made here once.
    """

    def __init__(self, *, process_vm: bool = True) -> None:
        self._process_vm = process_vm
        self._registers = abi.Registers()
        self._registers_address = ctypes.addressof(self._registers)
        self._registers_of = 0
        self._status = ctypes.c_int()
        self._status_pointer = ctypes.byref(self._status)
        self._buffer = ctypes.create_string_buffer(PATH_MAX + 1)
        self._local = IoVector(ctypes.addressof(self._buffer), 0)
        self._local_pointer = ctypes.byref(self._local)
        self._remote = (IoVector * 2)()
        self._remote_pointer = ctypes.byref(self._remote)
        self._short = ctypes.create_string_buffer(_SHORT + 1)
        self._short_local = IoVector(ctypes.addressof(self._short), _SHORT)
        self._short_local_pointer = ctypes.byref(self._short_local)
        self._short_remote = IoVector(0, _SHORT)
        self._short_remote_pointer = ctypes.byref(self._short_remote)

    def seize(self, pid: int) -> None:
        """Become the tracer of a child, without stopping it.

        Raises:
            OSError: Refused; another tracer has it, or ptrace is forbidden here.
        """
        try:
            ptrace(PTRACE_SEIZE, pid, 0, OPTIONS)
        except PtraceError as error:
            raise OSError(error.errno, f"PTRACE_SEIZE: {os.strerror(error.errno)}") from error

    def wait(self, *, only_now: bool = False) -> tuple[int, int] | None:
        """See :class:`runner.intercept.port.Kernel`.

        Not ``os.waitpid``: that goes on waiting after a signal, and a handler that raises could lose a status.
        """
        tid = library.waitpid(-1, self._status_pointer, WAIT_ALL | os.WNOHANG if only_now else WAIT_ALL)
        if tid > 0:
            return tid, self._status.value
        if tid < 0 and not only_now and ctypes.get_errno() == errno.ECHILD:
            raise ChildProcessError
        return None

    def registers(self, tid: int) -> Any:  # noqa: ANN401  ctypes structure
        """See :class:`runner.intercept.port.Kernel`."""
        if self._registers_of != tid:
            self._registers_of = 0
            self._request(PTRACE_GETREGS, tid, self._registers_address)
            self._registers_of = tid
        return self._registers

    def set_registers(self, tid: int, registers: Any) -> None:  # noqa: ANN401
        """See :class:`runner.intercept.port.Kernel`."""
        self._registers_of = 0
        self._request(PTRACE_SETREGS, tid, ctypes.addressof(registers))

    def resume(self, tid: int, how: Go, signal: int = 0) -> None:
        """See :class:`runner.intercept.port.Kernel`."""
        self._registers_of = 0
        self._request(_REQUESTS[how], tid, signal)

    def text(self, tid: int, address: int) -> bytes | None:
        """See :class:`runner.intercept.port.Kernel`."""
        if self._process_vm and address & (_PAGE - 1) <= _LAST_SHORT_START:
            self._short_remote.base = address
            count = library.process_vm_readv(tid, self._short_local_pointer, 1, self._short_remote_pointer, 1, 0)
            if count != _SHORT:
                return None
            # The buffer is one byte longer than what is read, and that byte stays NUL: the text ends there at the latest.
            text: bytes = self._short.value
            if len(text) < _SHORT:
                return text
        return self._long_text(tid, address)

    def _long_text(self, tid: int, address: int) -> bytes | None:
        if not address:
            return None
        for size in (_SHORT, PATH_MAX):
            data = self.read(tid, address, size)
            end = data.find(b"\0")
            if end >= 0:
                return data[:end]
            if len(data) < size:
                return None
        return None

    def read(self, tid: int, address: int, size: int) -> bytes:
        """See :class:`runner.intercept.port.Kernel`."""
        size = min(size, PATH_MAX)
        if not self._process_vm:
            return _read_through_proc(tid, address, size)
        # The kernel gives up a whole vector at the first bad page: split at the page border, so that a text that ends
        # on the last byte of the last page is still read.
        first = min(size, _PAGE - address % _PAGE)
        self._local.length = size
        self._remote[0].base, self._remote[0].length = address, first
        self._remote[1].base, self._remote[1].length = address + first, size - first
        count = library.process_vm_readv(
            tid, self._local_pointer, 1, self._remote_pointer, 1 if first == size else 2, 0
        )
        return ctypes.string_at(self._buffer, count) if count > 0 else b""

    def write(self, tid: int, address: int, data: bytes) -> bool:
        """See :class:`runner.intercept.port.Kernel`."""
        if not self._process_vm:
            return self.patch(tid, address, data)
        source = ctypes.create_string_buffer(data, len(data))
        local, remote = IoVector(ctypes.addressof(source), len(data)), IoVector(address, len(data))
        return bool(library.process_vm_writev(tid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) == len(data))

    def patch(self, tid: int, address: int, data: bytes) -> bool:
        """See :class:`runner.intercept.port.Kernel`.

        Word by word: process_vm_writev obeys the protection, and where it is missing, /proc/PID/mem cannot be written either.
        """
        start = address & ~(_WORD - 1)
        size = -(-(address + len(data) - start) // _WORD) * _WORD
        old = self.read(tid, start, size)
        if len(old) < size:
            return False
        new = old[: address - start] + data + old[address - start + len(data) :]
        try:
            for offset in range(0, size, _WORD):
                word = new[offset : offset + _WORD]
                if word != old[offset : offset + _WORD]:
                    self._request(PTRACE_POKEDATA, tid, int.from_bytes(word, "little"), start + offset)
        except OSError:
            return False
        return True

    @staticmethod
    def _request(request: int, tid: int, data: int, address: int = 0) -> None:
        # The C library's function as python-ptrace binds it, without its checks of peeked values: half a microsecond.
        if library.ptrace(request, tid, address, data) == -1:
            code = ctypes.get_errno()
            if code == errno.ESRCH:
                raise ThreadGoneError
            raise OSError(code, f"ptrace request {request:#x} on {tid}: {os.strerror(code)}")


def _read_through_proc(tid: int, address: int, size: int) -> bytes:
    # Opened each time: an open descriptor keeps pointing at the address space before an execve.
    try:
        memory = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    data = b""
    try:
        while len(data) < size:
            start = address + len(data)
            piece = os.pread(memory, min(size - len(data), _PAGE - start % _PAGE), start)
            if not piece:
                break
            data += piece
    except (OSError, OverflowError):
        pass
    finally:
        os.close(memory)
    return data
