"""Ends a call that was changed: registers back, spoofed answers put in, scratch memory remembered."""

import functools
import os
from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.known import Known
from runner.intercept.listing import added_records, read_all
from runner.intercept.port import PATH_MAX, Kernel
from runner.intercept.rules import Rules
from runner.intercept.scratch import ScratchBook
from runner.intercept.screener import Screener
from runner.intercept.verdict import (
    CompleteListing,
    Effect,
    Ending,
    KeepMapping,
    Mapping,
    MapScreener,
    MapTable,
    NamesChange,
    ShowPath,
    ShowType,
)
from runner.intercept.world import process_of


@attrs.frozen
class Finisher:
    """What happens at exits.

    Attributes:
        kernel: Registers and memory.
        rules: The compiled view.
        scratch: Who has which scratch memory.
        shown_types: Filesystem type -> type to show.
        known: Forgets what the call may have made untrue.
        screener: Patches programs; None if they are left as they are.
    """

    kernel: Kernel
    rules: Rules
    scratch: ScratchBook
    shown_types: dict[int, int]
    known: Known = attrs.field(factory=Known)
    screener: Screener | None = None

    def finish(self, tid: int, ending: Ending) -> None:
        """Do what the ending asks for, and put the registers back.

        Raises:
            ThreadGoneError: It was killed meanwhile; slots are free again all the same.
        """
        try:
            registers = self.kernel.registers(tid)
            match ending.effects:
                case (KeepMapping() | MapScreener() | MapTable() as mapping,):
                    self._mapped(tid, mapping, abi.result(registers))
                    abi.run_again(registers, ending.saved)
                case _:
                    abi.restore_call(registers, ending.saved)
                    for effect in ending.effects:
                        self._apply(tid, effect, registers)
            self.kernel.set_registers(tid, registers)
        finally:
            self.abandon(ending)

    def abandon(self, ending: Ending) -> None:
        """Give back what a call held that never returns."""
        for slot in ending.slots:
            self.scratch.give_back(slot)
        if NamesChange() in ending.effects:
            self.known.end_change()

    def new_program(self, pid: int) -> None:
        """The process has a new address space, without our memory."""
        self.scratch.forget(pid)
        self.known.forget_thread(pid)
        if self.screener is not None:
            self.screener.new_program(pid)

    def gone(self, tid: int) -> None:
        """The thread is no more; if it was the last of its process, its memory went with it."""
        self.scratch.end(tid)
        self.known.forget_thread(tid)
        if self.screener is not None:
            self.screener.gone(tid)

    def _mapped(self, tid: int, mapping: Mapping, address: int) -> None:
        match mapping:
            case KeepMapping():
                self._keep_mapping(tid, address)
            case MapScreener(site) if self.screener is not None:
                self.screener.mapped(tid, site, address)
            case MapTable(base) if self.screener is not None:
                self.screener.table_mapped(tid, base, address)

    def _keep_mapping(self, tid: int, address: int) -> None:
        process = process_of(tid)
        if abi.is_error(address):
            self.scratch.refuse(process)
            return
        region = self.scratch.add(process, address)
        if not self.kernel.write(tid, address, region.mark):
            self.scratch.drop(process, region)
            self.scratch.refuse(process)

    def _apply(self, tid: int, effect: Effect, registers: Any) -> None:  # noqa: ANN401  ctypes structure
        result = abi.result(registers)
        if result < 0:
            return
        match effect:
            case ShowType(buffer):
                kind = int.from_bytes(self.kernel.read(tid, buffer, 8), "little")
                if kind in self.shown_types:
                    self.kernel.write(tid, buffer, self.shown_types[kind].to_bytes(8, "little"))
            case ShowPath():
                self._show_path(tid, effect, registers)
            case CompleteListing():
                self._complete(tid, effect, registers)
            case KeepMapping() | MapScreener() | MapTable() | NamesChange():
                pass

    def _show_path(self, tid: int, effect: ShowPath, registers: Any) -> None:  # noqa: ANN401
        length = min(abi.result(registers), PATH_MAX)
        data = self.kernel.read(tid, effect.buffer, length)
        text = os.fsdecode(data[:-1] if effect.terminated else data)
        shown = self.rules.virtual(text)
        if shown != text:
            new = os.fsencode(shown) + (b"\0" if effect.terminated else b"")
            self.kernel.write(tid, effect.buffer, new + effect.before[len(new) : length])
            abi.set_result(registers, len(new))

    def _complete(self, tid: int, effect: CompleteListing, registers: Any) -> None:  # noqa: ANN401
        length = abi.result(registers)
        listed = read_all(functools.partial(self.kernel.read, tid), effect.buffer, length, PATH_MAX)
        added = added_records(listed, effect.entries, begins=effect.begins)
        if added and length + len(added) <= effect.size and self.kernel.write(tid, effect.buffer + length, added):
            abi.set_result(registers, length + len(added))
