"""Everything that is particular to x86-64: registers, system call numbers, how a call is stopped and run again.

Another architecture is another module with these names; no other module may know a register.
"""

import ctypes
from typing import Any

from ptrace.binding.linux_struct import user_regs_struct
from ptrace.syscall.linux.x86_64 import SYSCALL_NAMES

MACHINE = "x86_64"
# Identifies the architecture in seccomp's data; the same number space serves x32 programs, told apart by a bit.
AUDIT_ARCH = 0xC000003E
X32_BIT = 0x40000000
ENOSYS = 38

# The table lists x32's own numbers behind the native ones, under the same names (execve is 59, and 520 for x32).
_FIRST_X32 = 512
NUMBERS: dict[str, int] = {name: number for number, name in SYSCALL_NAMES.items() if number < _FIRST_X32}
NAMES: dict[int, str] = {number: name for name, number in NUMBERS.items()}

Registers = user_regs_struct

_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
_SYSCALL_INSTRUCTION_BYTES = 2
_HIGHEST_ERROR = 4095
_USER_64_BIT_SEGMENT = 0x33
_MASK = (1 << 64) - 1


def copy(registers: Any) -> Any:  # noqa: ANN401  ctypes structures have no useful static type
    """An independent copy of a register set."""
    return Registers.from_buffer_copy(registers)


def is_native(registers: Any) -> bool:  # noqa: ANN401
    """Whether the thread runs 64-bit code; numbers of 32-bit calls mean other calls."""
    return bool(registers.cs == _USER_64_BIT_SEGMENT)


def number(registers: Any) -> int:  # noqa: ANN401
    """Number of the call that the thread is stopped in."""
    return int(registers.orig_rax)


def call_address(registers: Any) -> int:  # noqa: ANN401
    """Where the instruction is that makes the call that the thread is stopped in."""
    return int(registers.rip) - _SYSCALL_INSTRUCTION_BYTES


def arguments(registers: Any) -> tuple[int, ...]:  # noqa: ANN401
    """The six arguments, unsigned."""
    return (registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9)


def result(registers: Any) -> int:  # noqa: ANN401
    """What the call returned, negative for an error; -ENOSYS at an entry stop, on every kernel."""
    return ctypes.c_long(registers.rax).value


def is_error(value: int) -> bool:
    """Whether what a call returned is the number of an error."""
    return -_HIGHEST_ERROR <= value < 0


def set_result(registers: Any, value: int) -> None:  # noqa: ANN401
    """Make the call return ``value``."""
    registers.rax = value & _MASK


def set_call(registers: Any, call_number: int | None, changed: dict[int, int]) -> None:  # noqa: ANN401
    """Change the number (None keeps it) and some arguments of the call that is about to run."""
    if call_number is not None:
        registers.orig_rax = call_number
    for position, value in changed.items():
        setattr(registers, _ARGUMENTS[position], value & _MASK)


def restore_call(registers: Any, saved: Any) -> None:  # noqa: ANN401
    """Put number and arguments back, and keep the result.

    The kernel leaves argument registers as they were, and compilers rely on it. A call that will be restarted
    (-ERESTART...) runs again with these registers: restored, it is seen and rewritten again.
    """
    registers.orig_rax = saved.orig_rax
    for name in _ARGUMENTS:
        setattr(registers, name, getattr(saved, name))


def run_again(registers: Any, saved: Any) -> None:  # noqa: ANN401
    """Make the thread execute the call of ``saved`` again, as if nothing had happened."""
    ctypes.memmove(ctypes.addressof(registers), ctypes.addressof(saved), ctypes.sizeof(Registers))
    registers.rip = (saved.rip - _SYSCALL_INSTRUCTION_BYTES) & _MASK
    registers.rax = saved.orig_rax
    # Not inside a call any more: a signal that arrives now must not rewind a second time.
    registers.orig_rax = _MASK
