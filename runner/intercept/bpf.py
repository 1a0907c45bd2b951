"""The seccomp filter as bytes: classic BPF that stops only the listed system calls.

Everything else runs at full speed: on Linux and in gVisor a filter that looks at the number alone is cached per number.
"""

import struct
from collections.abc import Iterable

import attrs

LOAD_WORD = 0x20
JUMP_EQUAL = 0x15
JUMP_GREATER_EQUAL = 0x35
RETURN = 0x06

OFFSET_NUMBER = 0
OFFSET_ARCH = 4
OFFSET_ARGUMENTS = 16

RET_ALLOW = 0x7FFF0000
RET_TRACE = 0x7FF00000
RET_ERRNO = 0x00050000

# A jump counts at most this many instructions ahead; a longer list would need a chain.
LONGEST_JUMP = 255


@attrs.frozen
class Instruction:
    """One ``struct sock_filter``."""

    code: int
    if_true: int
    if_false: int
    value: int

    def pack(self) -> bytes:
        """The eight bytes that the kernel reads."""
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.value)


@attrs.frozen
class Pass:
    """A value of an argument with which a listed call is not stopped.

    Attributes:
        argument: Position.
        value: All 64 bits of it.
    """

    argument: int
    value: int


def build(numbers: Iterable[int], *, audit_arch: int, x32_bit: int, enosys: int, unless: Pass | None = None) -> bytes:
    """A program that returns RET_TRACE for ``numbers`` and RET_ALLOW for all else.

    The architecture is tested before the number, because numbers mean other calls elsewhere: 32-bit programs run
    untouched (and see the real files). Calls through x32 would slip past the numbers, so they do not exist.

    Args:
        numbers: System call numbers to stop at.
        audit_arch: The native architecture's AUDIT_ARCH value.
        x32_bit: Numbers from here on are x32's.
        enosys: Number of the error that x32 calls get.
        unless: Calls that are let go all the same.

    Raises:
        ValueError: More numbers than one jump can reach over.
    """
    wanted = sorted(set(numbers))
    checks = _checks(unless)
    room = LONGEST_JUMP - 2 - len(checks)
    if len(wanted) > room:
        raise ValueError(f"{len(wanted)} system calls in one filter; at most {room} fit")
    count = len(wanted)
    # Layout: head, one test per number, ALLOW, the pass, TRACE, ERRNO. Distances count from the following instruction.
    program = [
        Instruction(LOAD_WORD, 0, 0, OFFSET_ARCH),
        Instruction(JUMP_EQUAL, 0, count + 2, audit_arch),
        Instruction(LOAD_WORD, 0, 0, OFFSET_NUMBER),
        Instruction(JUMP_GREATER_EQUAL, count + 2 + len(checks), 0, x32_bit),
    ]
    program += [Instruction(JUMP_EQUAL, count - index, 0, number) for index, number in enumerate(wanted)]
    program += [
        Instruction(RETURN, 0, 0, RET_ALLOW),
        *checks,
        Instruction(RETURN, 0, 0, RET_TRACE),
        Instruction(RETURN, 0, 0, RET_ERRNO | enosys),
    ]
    return b"".join(instruction.pack() for instruction in program)


def _checks(unless: Pass | None) -> tuple[Instruction, ...]:
    """Falls through to what follows unless the call bears the pass: two words, since a comparison takes 32 bits."""
    if unless is None:
        return ()
    low = OFFSET_ARGUMENTS + 8 * unless.argument
    return (
        Instruction(LOAD_WORD, 0, 0, low),
        Instruction(JUMP_EQUAL, 0, 3, unless.value & 0xFFFFFFFF),
        Instruction(LOAD_WORD, 0, 0, low + 4),
        Instruction(JUMP_EQUAL, 0, 1, unless.value >> 32),
        Instruction(RETURN, 0, 0, RET_ALLOW),
    )
