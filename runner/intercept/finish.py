"""Ends a call that was changed: registers back, spoofed answers put in, scratch memory remembered."""

import os
import struct
from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.examine import listing_bytes
from runner.intercept.port import Kernel
from runner.intercept.rules import Rules
from runner.intercept.scratch import ScratchBook
from runner.intercept.verdict import CompleteListing, Effect, Ending, KeepMapping, ShowPath, ShowType
from runner.intercept.world import process_of

_ERRORS = range(-4095, 0)
_DIRENT = struct.Struct("=QqHB")
_PATH_BYTES = 4096


@attrs.frozen
class Finisher:
    """What happens at exits.

    Attributes:
        kernel: Registers and memory.
        rules: The compiled view.
        scratch: Who has which scratch memory.
        shown_types: Filesystem type -> type to show.
    """

    kernel: Kernel
    rules: Rules
    scratch: ScratchBook
    shown_types: dict[int, int]

    def finish(self, tid: int, ending: Ending) -> None:
        """Do what the ending asks for, and put the registers back.

        Raises:
            ThreadGoneError: It was killed meanwhile; slots are free again all the same.
        """
        try:
            registers = self.kernel.registers(tid)
            if any(isinstance(effect, KeepMapping) for effect in ending.effects):
                self._keep_mapping(tid, abi.result(registers))
                abi.run_again(registers, ending.saved)
            else:
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

    def _keep_mapping(self, tid: int, address: int) -> None:
        process = process_of(tid)
        if address in _ERRORS:
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
            case ShowPath(buffer, terminated):
                self._show_path(tid, buffer, registers, terminated=terminated)
            case CompleteListing():
                self._complete(tid, effect, registers)
            case KeepMapping():
                pass

    def _show_path(self, tid: int, buffer: int, registers: Any, *, terminated: bool) -> None:  # noqa: ANN401
        data = self.kernel.read(tid, buffer, min(abi.result(registers), _PATH_BYTES))
        text = os.fsdecode(data.rstrip(b"\0"))
        shown = os.fsencode(self.rules.virtual(text))
        if shown != os.fsencode(text):
            shown += b"\0" if terminated else b""
            self.kernel.write(tid, buffer, shown)
            abi.set_result(registers, len(shown))

    def _complete(self, tid: int, effect: CompleteListing, registers: Any) -> None:  # noqa: ANN401
        """Add the layer's names behind the first part of a listing, told by the entry ``.``.

        Nothing is remembered between calls, so rewinding, duplicated descriptors and forks list right too.
        """
        length = abi.result(registers)
        listed = self.kernel.read(tid, effect.buffer, min(length, 4096))
        # gVisor and Linux list "." first in every directory.
        if listed[19:21] != b".\0" or len(listed) < _DIRENT.size:
            return
        offset = self._last_offset(tid, effect.buffer, length)
        added = b""
        for name, inode, kind in effect.entries:
            size = listing_bytes(name)
            record = _DIRENT.pack(inode, offset, size, kind) + os.fsencode(name)
            added += record.ljust(size, b"\0")
        if length + len(added) <= effect.size and self.kernel.write(tid, effect.buffer + length, added):
            abi.set_result(registers, length + len(added))

    def _last_offset(self, tid: int, buffer: int, length: int) -> int:
        """Position after the last real entry: seeking there after the added ones goes on with the real ones."""
        position, offset = 0, 0
        while position < length:
            header = self.kernel.read(tid, buffer + position, _DIRENT.size)
            if len(header) < _DIRENT.size:
                break
            _inode, offset, size, _kind = _DIRENT.unpack(header)
            position += max(size, 1)
        return offset
