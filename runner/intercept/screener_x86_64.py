"""The machine code of in-program screening: the routine, where it may be called from, and what a program is patched with.

The routine is :file:`screener_x86_64.S` beside this module, assembled (a test assembles it again and compares). It lies at the
start of four pages that are mapped into a program: the code, two pages of sieves that it looks names up in, and the gates, which
differ from program to program. The mapping is private, so gates belong to one address space and are inherited by fork.

A *site* is a place where a known sequence of instructions ends in a system call. The last instructions before it, five bytes or
more, are replaced by a jump to a gate; the gate runs them, and then calls the routine for a call that it knows, or goes on to the
system call itself, which stays in place: threads that wait in it return as ever, and calls that are restarted find it.
"""

import struct
from collections.abc import Iterable

import attrs

PAGE = 4096
SIEVE_BYTES = 2048
TREES_BEGIN_AT = PAGE
TREES_END_AT = PAGE + SIEVE_BYTES
NAMES_AT = 2 * PAGE
GATES_AT = 3 * PAGE
SIZE = 4 * PAGE
# Behind the code, words: the pass (a call with this in its last argument, which no traced call has, is not stopped), and the
# number, device and inode of the layer's descriptor.
PASS_AT = PAGE - 8
PASS_ARGUMENT = 5
LAYER_AT = PAGE - 16
LAYER_DEVICE_AT = PAGE - 24
LAYER_INODE_AT = PAGE - 32
# Behind the gates: where the program has the table, which is another mapping of the same file, shared and writable.
TABLE_POINTER_AT = SIZE - 8
TABLE_AT = SIZE
TABLE_ENTRIES = 256
TABLE_ENTRY_BYTES = 16
FILE_SIZE = SIZE + PAGE

CODE = bytes.fromhex(
    "50415141505256573d01010000750cf7c2000042000f85a30100004989f34c8d86ff0f000041803b2f0f858f01000045"
    "31c949ffc3410fb60b83f92f0f847c01000083f92e0f847301000085c90f846b010000b8c59d1c8131c869c093010001"
    "49ffc34d39c30f8752010000410fb60b85c9745483f92f75df89c1c1e90f31c181e1ff3f00004183f90174a67717488d"
    "156b0f00000fa30a410f92c141ffc14183f901748d817c24280b0100000f840b010000488d15461700000fa30a0f836f"
    "ffffffe9f6000000488d15311f000089c1c1e90f31c181e1ff3f00000fa30a0f82d9000000488b4424283d0b01000074"
    "473d0101000074123d0d010000741541f7c2000100007530eb0af744241040000000754f50b8590000004889f74889e6"
    "ba010000004c8b0dcc0e00000f05594885c00f8986000000488b442428488b3c24488b742408488b5424104c8b442418"
    "4c8b0da10e00000f054c8b4c24204883c430c34d89d04883ec188b442428488904244489d0488944240848c744241004"
    "000000b8b5010000488b7c2418488b7424204889e241ba180000004c8b0d560e00000f054d89c24883c4184885c00f88"
    "3e010000488b542410e913010000817c2428010100000f8526010000f7442410ff77f7ff0f85180100004c8b05173e00"
    "004d85c00f8408010000488b7424084c8d9eff0f0000bac59d1c810fb60e85c974174831ca4869d29301000148ffc64c"
    "39de76e7e9d90000004889d148c1e92031d10fb6c9c1e1044901c84939100f85be00000041524881ec900000004c8b0d"
    "b40d0000b805000000488b3da00d00004889e60f054885c00f858b000000488b0424483b057f0d0000757e488b442408"
    "483b05690d00007570b806010000488bb424a000000048ffc64889e241ba000100000f054885c075508b4424182500f0"
    "00003d008000007540b801010000488b9424a80000004c8b9424900000000f054885c07824f049ff40084881c4980000"
    "00488b3c24488b7424084c8b4424184c8b4c24204883c430c34881c490000000415a488b442428488b3c24488b742408"
    "488b5424104c8b4424184c8b4c24200f05488b3c24488b7424084883c430c3"
)
# A fault from the routine's start to here is a path that cannot be read: ask the tracer, who lets the kernel say so.
ASK = 0x2F2
# Instruction pointer of a thread that asks. The routine puts rdi and rsi back by itself.
ASKED = 0x311
RESTORED = frozenset((0, 1))

_SYSCALL = bytes.fromhex("0f05")
# cmp rax or eax with -4095 or -4096: what every wrapper does next. It also says that flags are free.
_COMPARISONS = tuple(bytes.fromhex(opcode + limit + "f0ffff") for opcode in ("483d", "3d") for limit in ("00", "01"))
_COMPARISON_BYTES = 6
_FNV_BASIS = 0x811C9DC5
_FNV_PRIME = 0x01000193
_MASK = (1 << 64) - 1
_RED_ZONE = 128
_NEAR = 1 << 31
_GATE_BYTES = 128
GATES = PAGE // _GATE_BYTES - 1  # the last one is the pointer to the table


def text_hash(text: bytes) -> int:
    """What the routine knows a text by, 64 bits."""
    hashed = _FNV_BASIS
    for letter in text:
        hashed = (hashed ^ letter) * _FNV_PRIME & _MASK
    return hashed


def sieve_bit(name: bytes) -> int:
    """Number of the bit that stands for a name in a sieve. The routine keeps 32 bits for it: the low ones are the same."""
    hashed = text_hash(name) & 0xFFFFFFFF
    return (hashed ^ hashed >> 15) & (8 * SIEVE_BYTES - 1)


@attrs.frozen
class Sequence:
    """Instructions that end before a system call, and can be run elsewhere.

    Attributes:
        code: Them.
        number: The call's number, if it is among them; None if any call is made there.
    """

    code: bytes
    number: int | None


def _fixed(number: int, then: str = "") -> Sequence:
    return Sequence(b"\xb8" + number.to_bytes(4, "little") + bytes.fromhex(then), number)


# The calls that the routine knows.
SCREENED = {"openat": 257, "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "faccessat2": 439}
# Longest first.
SEQUENCES = (
    _fixed(257, "4889febf9cffffff"),  # glibc: open without cancellation
    Sequence(bytes.fromhex("4889ce4889df"), None),  # Go: internal/runtime/syscall.Syscall6, since 1.20
    *(_fixed(number) for number in SCREENED.values()),  # glibc's wrappers; Go's runtime
    Sequence(bytes.fromhex("4c8b4c2408"), None),  # glibc: syscall
)
LONGEST_SEQUENCE = max(len(sequence.code) for sequence in SEQUENCES)
AROUND = LONGEST_SEQUENCE + len(_SYSCALL) + _COMPARISON_BYTES
# The whole of Go's function up to its comparison: long enough to be found in a program's code by its bytes alone.
GO_FUNCTION = bytes.fromhex("4989f24889fa4889ce4889df0f05483d01f0ffff")
GO_CALL_AT = GO_FUNCTION.index(_SYSCALL)


@attrs.frozen
class Site:
    """A system call that can be screened.

    Attributes:
        call: Address of its instruction.
        sequence: What stands before it.
    """

    call: int
    sequence: Sequence

    @property
    def start(self) -> int:
        """Where the jump goes."""
        return self.call - len(self.sequence.code)


def recognise(call: int, around: bytes) -> Site | None:
    """The site of a system call.

    Args:
        call: Address of the instruction.
        around: The bytes from ``call - LONGEST_SEQUENCE`` on, :data:`AROUND` of them.

    Returns:
        None if what stands there is none of the known sequences.
    """
    before, after = around[:LONGEST_SEQUENCE], around[LONGEST_SEQUENCE:]
    if not (after.startswith(_SYSCALL) and after[len(_SYSCALL) :].startswith(_COMPARISONS)):
        return None
    for sequence in SEQUENCES:
        if before.endswith(sequence.code):
            return Site(call, sequence)
    return None


def page_hint(call: int) -> int:
    """Where to ask for the mapping, so that jumps reach it."""
    return 0x7000_0000 if call < _NEAR else (call - (64 << 20)) & -PAGE


def reaches(base: int, call: int) -> bool:
    """Whether jumps between a site and a mapping are short enough."""
    return abs(base - call) < _NEAR - SIZE - PAGE


def gate_address(base: int, index: int) -> int:
    """Where a gate lies."""
    return base + GATES_AT + index * _GATE_BYTES


def gate(base: int, index: int, site: Site, screened: Iterable[int]) -> bytes:
    """The code of a gate: what it replaces, then the routine or the call itself.

    Args:
        base: Where the pages are.
        index: Of the gate.
        site: What leads there.
        screened: Numbers of the calls that the routine is to look at, of those that it knows.
    """
    at = gate_address(base, index)
    screen = bytes.fromhex("488d6424") + struct.pack("b", -_RED_ZONE)  # lea rsp, [rsp - 128]
    tests = b""
    if site.sequence.number is None:
        numbers = sorted(screened)
        # Each: cmp eax, NUMBER; je the screening, behind the other tests and the jump to the call itself.
        for left, number in enumerate(reversed(numbers)):
            tests = b"\x3d" + struct.pack("<i", number) + b"\x74" + struct.pack("b", 7 * left + 5) + tests
        tests += b"\xe9" + _distance(at + len(site.sequence.code) + len(tests) + 5, site.call)
    code = site.sequence.code + tests + screen
    code += b"\xe8" + _distance(at + len(code) + 5, base)  # call the routine
    code += bytes.fromhex("488da424") + struct.pack("<i", _RED_ZONE)  # lea rsp, [rsp + 128]
    code += b"\xe9" + _distance(at + len(code) + 5, site.call + len(_SYSCALL))  # jmp behind the call
    assert len(code) <= _GATE_BYTES  # noqa: S101  the longest is 74 bytes
    return code


def jump(base: int, index: int, site: Site) -> bytes:
    """What replaces the first instructions at :attr:`Site.start`. What is left of them is never run."""
    return b"\xe9" + _distance(site.start + 5, gate_address(base, index))


def _distance(behind: int, to: int) -> bytes:
    return struct.pack("<i", to - behind)
