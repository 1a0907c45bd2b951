"""In-program screening: programs tell by themselves, without a stop, that a path has nothing to do with the view.

A stop costs tens of microseconds, more than a hundred on busy processors in gVisor, and nearly all calls that the filter stops
turn out to be misses. So the places where a program opens files and asks about them are patched to look at the path first (what
is run there: :file:`screener_x86_64.S`); a call that certainly misses then bears a pass, a secret number in an argument that no
such call uses, and the filter lets it go. All others stop as ever, the calls of places that are not patched too: whatever is not
known for sure is asked. So what is patched, and when, is a matter of speed alone:

- a Go program's one place, at the first such call of the program, long before its second thread;
- any other place once it has called often, while its program has a single thread.

Never more than one thread may run code that is being changed. That a program has one thread is asked at that moment, and only
programs that were executed (not the children of vfork, which run in their parent's memory) are patched.
"""

import mmap
import os
import secrets
from collections import Counter
from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept import screener_x86_64 as code
from runner.intercept.emit import EVENTS_PER_PATH
from runner.intercept.go_program import GoPrograms
from runner.intercept.hit_table import HitTable
from runner.intercept.port import Kernel
from runner.intercept.rules import Rules
from runner.intercept.verdict import MapScreener, MapTable, Verdict, map_instead
from runner.intercept.world import Identity, ThreadEyes, World, identity, threads_of

# As many stops as patching a place costs in time, about: a program that calls less often is better left alone.
HOT_CALLS = 16

# A process's links, and the directory in which its threads have theirs: what is named through them may be anywhere.
_BEYOND_PROC = ("/proc/root", "/proc/cwd", "/proc/fd", "/proc/task")
_READ_AND_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_READ_AND_EXECUTE = mmap.PROT_READ | mmap.PROT_EXEC


@attrs.frozen
class Pages:
    """What is mapped into programs: the routine and what it knows, shared with the tracer.

    Attributes:
        descriptor: Of the file that programs map.
        permit: The pass.
        memory: The same pages, to be written by the tracer.
    """

    descriptor: int
    permit: int
    memory: mmap.mmap

    def ask_below(self, tree: str) -> None:
        """From now on paths that may lie below ``tree`` are asked about."""
        components = tree.split("/")[1:]
        self._set(code.TREES_BEGIN_AT, components[0])
        self._set(code.TREES_END_AT, components[-1])

    def ask_for(self, name: str) -> None:
        """From now on paths are asked about whose last component is ``name``."""
        self._set(code.NAMES_AT, name)

    def _set(self, sieve: int, name: str) -> None:
        bit = code.sieve_bit(os.fsencode(name))
        self.memory[sieve + bit // 8] |= 1 << bit % 8


def make_pages(rules: Rules, layer: tuple[int, Identity | None]) -> Pages:
    """The pages for a view.

    Args:
        rules: The view's.
        layer: Number of the layer's descriptor in programs, and its identity.

    Raises:
        OSError: There are no anonymous files here.
    """
    file = os.memfd_create("screener")
    os.truncate(file, code.FILE_SIZE)
    memory = mmap.mmap(file, code.FILE_SIZE)
    memory[: len(code.CODE)] = code.CODE
    permit = secrets.randbits(64)
    device, inode = layer[1] or (0, 0)
    words = {code.PASS_AT: permit, code.LAYER_AT: layer[0], code.LAYER_DEVICE_AT: device, code.LAYER_INODE_AT: inode}
    for place, word in words.items():
        memory[place : place + 8] = word.to_bytes(8, "little")
    pages = Pages(file, permit, memory)
    for tree in (*_BEYOND_PROC, *rules.trees):
        pages.ask_below(tree)
    for name in rules.names:
        pages.ask_for(name)
    return pages


@attrs.define
class Program:
    """An executed program that has not forked off.

    Attributes:
        calls: How often each place called.
        base: Where the pages are mapped, 0 if they are not.
        gates: How many gates are in use.
        looked: It was looked whether it is a Go program.
    """

    calls: Counter[int] = attrs.field(factory=Counter)
    base: int = 0
    gates: int = 0
    looked: bool = False


@attrs.frozen
class Screener:
    """Patches programs, and knows a call that was made by the routine.

    Attributes:
        kernel: Memory of programs.
        world: Whose eyes programs have.
        pages: What is mapped.
        number: Descriptor of the pages in programs.
        screened: Numbers of the calls that programs look at: of those that the routine knows, and the filter stops.
    """

    kernel: Kernel
    world: World
    pages: Pages
    number: int
    screened: frozenset[int]
    _file: Identity | None = attrs.field(
        init=False, default=attrs.Factory(lambda self: identity(self.pages.descriptor), takes_self=True)
    )
    _programs: dict[int, Program] = attrs.field(factory=dict)
    _go: GoPrograms = attrs.field(factory=GoPrograms)
    _bases: set[int] = attrs.field(factory=set)
    _hits: Counter[bytes] = attrs.field(factory=Counter)
    _served: set[int] = attrs.field(factory=set)
    table: HitTable = attrs.field(
        init=False, default=attrs.Factory(lambda self: HitTable(self.pages.memory), takes_self=True)
    )

    def new_program(self, pid: int) -> None:
        """A process executed a program."""
        self._programs[pid] = Program()
        self._served.discard(pid)

    def gone(self, tid: int) -> None:
        """A thread is no more."""
        self._programs.pop(tid, None)
        self._served.discard(tid)

    def before_call(self, tid: int, registers: Any) -> Verdict | None:  # noqa: ANN401  ctypes structure
        """Patch what is worth it; a verdict if the program has to map the pages first, and then to make its call again.

        Raises:
            ThreadGoneError: It was killed meanwhile.
        """
        program = self._programs.get(tid)
        if program is None:
            return None
        if not program.looked:
            program.looked = True
            go = self._go.call_of(tid)
            if go is not None:
                return self._patch(tid, program, registers, go)
        place = abi.call_address(registers)
        program.calls[place] += 1
        if program.calls[place] != HOT_CALLS:
            return None
        return self._patch(tid, program, registers, place)

    def mapped(self, tid: int, site: code.Site, address: int) -> None:
        """The program mapped the pages, or failed to."""
        program = self._programs.get(tid)
        if program is None or abi.is_error(address) or not code.reaches(address, site.call):
            return
        program.base = address
        self._bases.add(address)
        self._install(tid, program, site)

    def before_hit(self, tid: int, registers: Any, text: bytes, path: str) -> Verdict | None:  # noqa: ANN401
        """Let programs serve themselves with what they opened often; a verdict if this one has to map the table first.

        Args:
            tid: The thread.
            registers: Of its call, which leads to the layer.
            text: The call's path, which without its first byte is a file of the layer.
            path: What it leads to.

        Raises:
            ThreadGoneError: It was killed meanwhile.
        """
        if not self.asks(registers):
            return None
        self._hits[text] += 1
        if self._hits[text] <= EVENTS_PER_PATH or tid in self._served or not self.table.admit(text, path):
            return None
        self._served.add(tid)
        base = registers.rip - code.ASKED
        pointer = self.kernel.read(tid, base + code.TABLE_POINTER_AT, 8)
        if pointer != bytes(8) or not self._has_pages(tid):
            return None
        # Beside the pages: without a wish the kernel would fill the hole that a program left on purpose.
        arguments = (base + code.SIZE, code.PAGE, _READ_AND_WRITE, mmap.MAP_SHARED, self.number, code.TABLE_AT)
        return map_instead(registers, arguments, MapTable(base))

    def table_mapped(self, tid: int, base: int, address: int) -> None:
        """The program mapped the table, or failed to."""
        if not abi.is_error(address):
            self.kernel.patch(tid, base + code.TABLE_POINTER_AT, address.to_bytes(8, "little"))

    def asks(self, registers: Any) -> bool:  # noqa: ANN401  ctypes structure
        """Whether a call was made by the routine, which restores what :data:`code.RESTORED` names."""
        return registers.rip - code.ASKED in self._bases

    def recovers(self, tid: int) -> bool:
        """Whether a fault was the routine's, by a path that cannot be read; then the thread is about to ask.

        Raises:
            ThreadGoneError: It was killed meanwhile.
        """
        registers = self.kernel.registers(tid)
        base = registers.rip & -code.PAGE
        if base not in self._bases or registers.rip - base >= code.ASK:
            return False
        if self.kernel.read(tid, base, code.ASK) != code.CODE[: code.ASK]:
            return False
        registers.rip = base + code.ASK
        self.kernel.set_registers(tid, registers)
        return True

    def _patch(self, tid: int, program: Program, registers: Any, call: int) -> Verdict | None:  # noqa: ANN401
        site = code.recognise(call, self.kernel.read(tid, call - code.LONGEST_SEQUENCE, code.AROUND))
        if site is None or threads_of(tid) != 1:
            return None
        if program.base:
            self._install(tid, program, site)
            return None
        if not self._has_pages(tid):
            return None
        arguments = (code.page_hint(call), code.SIZE, _READ_AND_EXECUTE, mmap.MAP_PRIVATE, self.number, 0)
        return map_instead(registers, arguments, MapScreener(site))

    def _has_pages(self, tid: int) -> bool:
        return self._file is not None and ThreadEyes(self.world, tid).has_descriptor(self.number, self._file)

    def _install(self, tid: int, program: Program, site: code.Site) -> None:
        base, index = program.base, program.gates
        if index == code.GATES or not code.reaches(base, site.call):
            return
        program.gates += 1
        if self.kernel.patch(tid, code.gate_address(base, index), code.gate(base, index, site, self.screened)):
            self.kernel.patch(tid, site.start, code.jump(base, index, site))
