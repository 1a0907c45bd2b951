"""Looks at one system call about to run and decides: reads its arguments, asks the rules, prepares the rewriting.

The order of tests keeps the common case cheap: number, text, and a look at the string; only what could concern the view is
resolved and checked. When in doubt the call is left alone, and the kernel gives its own answer.
"""

import os
import posixpath
import struct
from collections.abc import Callable
from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.calls import (
    AT_FDCWD,
    AT_SYMLINK_FOLLOW,
    AT_SYMLINK_NOFOLLOW,
    BY_NAME,
    DESCRIPTOR,
    LISTING,
    NAMING,
    O_TMPFILE,
    SPOOFED_BY_DESCRIPTOR,
    SPOOFED_BY_PATH,
    Call,
    PathAt,
)
from runner.intercept.plan import Delay
from runner.intercept.port import Kernel, read_text
from runner.intercept.resolve import lexically, resolve
from runner.intercept.rewrite import Placement, rewrite
from runner.intercept.rules import Kind, Rules, Screening, Where
from runner.intercept.scratch import REGION_BYTES, ScratchBook, Slot
from runner.intercept.verdict import LEAVE, CompleteListing, Effect, Ending, KeepMapping, ShowPath, ShowType, Verdict
from runner.intercept.world import Identity, ThreadEyes, World, link_text, parent_of, process_of

RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
_OPEN_HOW = struct.Struct("=QQQ")
_PROT_READ_WRITE = 3
_MAP_PRIVATE_ANONYMOUS = 0x22
_SECOND_TEXT = 4352


@attrs.frozen
class Intent:
    """What the flags of a call say about its path."""

    follows: bool
    creates: bool
    resolve: int = 0


@attrs.define
class Examiner:
    """Verdicts for one view.

    Attributes:
        kernel: To read memory and to write scratch memory.
        rules: The compiled view.
        world: The facts.
        scratch: Who has which scratch memory.
        layer_fd: Number of the inherited descriptor of the layer.
        layer_identity: What that descriptor must lead to.
        spoofs: Whether statfs answers are changed.
        delays: Faults.
        on_redirect: Called with (tid, path, target, syscall) for every redirect.
        on_observe: Called with (tid, path, syscall) for every use of a watched path.
    """

    kernel: Kernel
    rules: Rules
    world: World
    scratch: ScratchBook
    layer_fd: int
    layer_identity: Identity | None
    spoofs: bool
    delays: tuple[Delay, ...]
    on_redirect: Callable[[int, str, str, str], None]
    on_observe: Callable[[int, str, str], None]
    _calls: dict[int, Call] = attrs.field(init=False)
    _others: dict[int, str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Index the calls of this architecture by number."""
        self._calls = {abi.NUMBERS[name]: call for name, call in BY_NAME.items() if name in abi.NUMBERS}
        others = {*LISTING, *NAMING, *(SPOOFED_BY_DESCRIPTOR if self.spoofs else ())}
        others |= {name for delay in self.delays for name in delay.syscalls if name not in BY_NAME}
        self._others = {abi.NUMBERS[name]: name for name in others}

    def examine(self, tid: int) -> Verdict:
        """Decide about the call that the thread is about to make.

        Raises:
            ThreadGoneError: It was killed meanwhile.
        """
        registers = self.kernel.registers(tid)
        number = abi.number(registers)
        call = self._calls.get(number)
        if call is None:
            name = self._others.get(number)
            if name is None or not abi.is_native(registers):
                return LEAVE
            return self._examine_other(tid, name, registers)
        if not abi.is_native(registers):
            return LEAVE
        verdict = self._examine_paths(tid, call, registers)
        if self.spoofs and call.name in SPOOFED_BY_PATH and not _maps(verdict):
            verdict = _also(verdict, ShowType(abi.arguments(registers)[1]), registers)
        return verdict

    # Calls on paths

    def _examine_paths(self, tid: int, call: Call, registers: Any) -> Verdict:  # noqa: ANN401  ctypes structure
        arguments = abi.arguments(registers)
        eyes = ThreadEyes(self.world, tid)
        delay_s = 0.0
        found: list[tuple[str, Placement | None]] = []
        for at in call.paths:
            text = read_text(self.kernel, tid, arguments[at.path])
            path, placement = self._place(eyes, call, at, arguments, text) if text else (None, None)
            found.append((path or "", placement))
            if self.delays:
                delay_s = max(delay_s, self._delay(call.name, path or text or ""))
            if path is not None and path in self.rules.observed:
                self.on_observe(tid, path, call.name)
        if not any(placement for _path, placement in found):
            if call.name.startswith("readlink"):
                return _late(self._examine_readlink(tid, arguments, call, registers), delay_s)
            return _late(LEAVE, delay_s)
        return _late(self._redirect(eyes, call, registers, arguments, found), delay_s)

    def _place(
        self, eyes: ThreadEyes, call: Call, at: PathAt, arguments: tuple[int, ...], text: str
    ) -> tuple[str | None, Placement | None]:
        """The path that a text means, if it concerns the view, and where it is to go."""
        intent = self._intent(eyes.tid, call, at, arguments)
        if intent is None:
            return None, None
        path, base = text, ""
        if not text.startswith("/"):
            descriptor = AT_FDCWD if at.dirfd is None else _signed(arguments[at.dirfd])
            base = eyes.directory(descriptor) or ""
            if not base:
                return None, None
            path = posixpath.join(self.rules.virtual(base), text)
        elif intent.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
            return None, None
        return self._place_absolute(eyes, path, text, base, intent)

    def _place_absolute(
        self, eyes: ThreadEyes, path: str, text: str, base: str, intent: Intent
    ) -> tuple[str | None, Placement | None]:
        screening = self.rules.screen(path, follows=intent.follows, creates=intent.creates)
        if screening is Screening.LAST:
            screening = Screening.NO if link_text(path) is None else Screening.WALK
        if screening is Screening.NO:
            return None, None
        resolved: str | None = lexically(path)
        if screening is Screening.WALK:
            resolved = resolve(path, eyes, follows=intent.follows)
        elif self.rules.covers(str(resolved)) and intent.follows and eyes.link(str(resolved)) is not None:
            screening, resolved = Screening.WALK, resolve(path, eyes, follows=True)
        if resolved is None or not self.rules.concerns(resolved) or not eyes.sees(resolved):
            return None, None
        if not self.rules.covers(resolved):
            return resolved, None
        named_in_layer = self.rules.virtual(base) != base
        where = self.rules.decide(resolved, self.world, creates=intent.creates, named_in_layer=named_in_layer)
        if where is Where.AS_NAMED and screening is Screening.WALK and self._only_here(path, resolved):
            where = Where.REAL
        natural = named_in_layer and screening is Screening.PLAIN
        if where is Where.AS_NAMED or (where is Where.LAYER and natural):
            return resolved, None
        if where is Where.LAYER_NEW and not self.world.make_parents(resolved):
            return resolved, None
        slash = "/" if text.endswith("/") and resolved != "/" else ""
        plain = screening is Screening.PLAIN and not base
        skip = len(text) - len(text.lstrip("/")) if plain else None
        return resolved, Placement(target=resolved + slash, in_layer=where is not Where.REAL, skip=skip)

    def _only_here(self, path: str, resolved: str) -> bool:
        """Whether a real file is named by way of a directory that only the layer has, as ``new/../real``."""
        return self.world.really(path) is Kind.NOTHING and self.world.really(resolved) is not Kind.NOTHING

    def _intent(self, tid: int, call: Call, at: PathAt, arguments: tuple[int, ...]) -> Intent | None:
        follows, creates, special = at.follows, at.creates, 0
        if call.at_flags is not None:
            flags = arguments[call.at_flags]
            if call.name == "linkat":
                follows = bool(flags & AT_SYMLINK_FOLLOW) and not at.creates
            elif flags & AT_SYMLINK_NOFOLLOW:
                follows = False
        if call.open_flags is not None or call.open_how is not None:
            if call.open_how is not None:
                how = self.kernel.read(tid, arguments[call.open_how], _OPEN_HOW.size)
                if len(how) < _OPEN_HOW.size:
                    return None
                flags, _mode, special = _OPEN_HOW.unpack(how)
            else:
                flags = arguments[call.open_flags or 0]
            creates = bool(flags & os.O_CREAT) and not flags & O_TMPFILE
            if flags & os.O_NOFOLLOW or (creates and flags & os.O_EXCL):
                follows = False
        return Intent(follows, creates, special)

    # Carrying a redirect out

    def _redirect(
        self,
        eyes: ThreadEyes,
        call: Call,
        registers: Any,  # noqa: ANN401
        arguments: tuple[int, ...],
        found: list[tuple[str, Placement | None]],
    ) -> Verdict:
        has_descriptor = self.layer_identity is not None and eyes.has_descriptor(self.layer_fd, self.layer_identity)
        placements = tuple(placement for _path, placement in found)
        plan = rewrite(
            call, arguments, placements, layer=self.rules.layer, layer_fd=self.layer_fd if has_descriptor else None
        )
        changed = dict(plan.arguments)
        slots: tuple[Slot, ...] = ()
        if plan.texts:
            # An absolute text is resolved in the program's own root.
            if any(text.startswith("/") for text in plan.texts.values()) and not eyes.shares_root():
                return LEAVE
            slot = self._slot(eyes.tid)
            if slot is None:
                return self._map(eyes.tid, registers)
            if not self._write_texts(eyes.tid, slot, plan.texts, changed):
                self.scratch.give_back(slot)
                return LEAVE
            slots = (slot,)
        for path, placement in found:
            if placement is not None:
                target = (self.rules.layer if placement.in_layer else "") + placement.target
                self.on_redirect(eyes.tid, path, target, call.name)
        number = None if plan.name is None else abi.NUMBERS[plan.name]
        return Verdict(number, changed, Ending(abi.copy(registers), slots=slots))

    def _slot(self, tid: int) -> Slot | None:
        process = process_of(tid)
        for region in tuple(self.scratch.regions(process, parent_of(tid))):
            if self.kernel.read(tid, region.address, len(region.mark)) != region.mark:
                self.scratch.drop(process, region)
                continue
            slot = self.scratch.claim(region)
            if slot:
                return slot
        return None

    def _write_texts(self, tid: int, slot: Slot, texts: dict[int, str], changed: dict[int, int]) -> bool:
        for index, (position, text) in enumerate(texts.items()):
            address = slot.address + index * _SECOND_TEXT
            data = os.fsencode(text) + b"\0"
            if len(data) > _SECOND_TEXT or not self.kernel.write(tid, address, data):
                return False
            changed[position] = address
        return True

    def _map(self, tid: int, registers: Any) -> Verdict:  # noqa: ANN401
        """Make the program map scratch memory instead, and run its call again afterwards."""
        if self.scratch.refused(process_of(tid)):
            return LEAVE
        arguments = (0, REGION_BYTES, _PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS, -1, 0)
        return Verdict(
            abi.NUMBERS["mmap"], dict(enumerate(arguments)), Ending(abi.copy(registers), effects=(KeepMapping(),))
        )

    # Calls that are looked at when they return

    def _examine_other(self, tid: int, name: str, registers: Any) -> Verdict:  # noqa: ANN401
        arguments = abi.arguments(registers)
        eyes = ThreadEyes(self.world, tid)
        verdict = LEAVE
        if name in NAMING:
            where = link_text(f"/proc/{tid}/cwd") or ""
            if self.rules.virtual(where) != where:
                verdict = _also(LEAVE, ShowPath(arguments[0], terminated=True), registers)
        elif name in LISTING:
            verdict = self._examine_listing(eyes, arguments, registers)
        elif name in SPOOFED_BY_DESCRIPTOR and self.spoofs:
            verdict = _also(LEAVE, ShowType(arguments[1]), registers)
        delay_s = 0.0
        for delay in self.delays:
            if name in delay.syscalls:
                position = DESCRIPTOR.get(name)
                path = link_text(f"/proc/{tid}/fd/{_signed(arguments[position])}") if position is not None else ""
                delay_s = max(delay_s, self._delay(name, self.rules.virtual(path or "")))
        return _late(verdict, delay_s)

    def _examine_readlink(self, tid: int, arguments: tuple[int, ...], call: Call, registers: Any) -> Verdict:  # noqa: ANN401
        text = read_text(self.kernel, tid, arguments[call.paths[0].path])
        if text is None or not text.startswith("/proc/"):
            return LEAVE
        parts = text.split("/")
        if parts[-1] not in ("cwd", "exe") and parts[-2] != "fd":
            return LEAVE
        if parts[2] in ("self", "thread-self"):
            parts[2] = str(tid)
        shown = link_text("/".join(parts)) or ""
        if self.rules.virtual(shown) == shown:
            return LEAVE
        return _also(LEAVE, ShowPath(arguments[call.paths[0].path + 1], terminated=False), registers)

    def _examine_listing(self, eyes: ThreadEyes, arguments: tuple[int, ...], registers: Any) -> Verdict:  # noqa: ANN401
        path = link_text(f"/proc/{eyes.tid}/fd/{_signed(arguments[0])}") or ""
        if not (self.rules.in_tree(path) or path in self.rules.parents):
            return LEAVE
        entries = self.world.only_in_layer(path)
        if not entries or eyes.directory(_signed(arguments[0])) is None:
            return LEAVE
        room = sum(listing_bytes(name) for name, _inode, _type in entries)
        size = arguments[2] & 0xFFFFFFFF
        if size < room + listing_bytes("x" * 255):
            return LEAVE
        effect = CompleteListing(arguments[1], size, entries)
        return Verdict(None, {2: size - room}, Ending(abi.copy(registers), effects=(effect,)))

    def _delay(self, name: str, path: str) -> float:
        return max(
            (
                delay.seconds
                for delay in self.delays
                if name in delay.syscalls
                and (not delay.path_prefix or path == delay.path_prefix or path.startswith(delay.path_prefix + "/"))
            ),
            default=0.0,
        )


def listing_bytes(name: str) -> int:
    """Size of a ``struct linux_dirent64`` for a name, padded as the kernel pads it."""
    return (19 + len(os.fsencode(name)) + 1 + 7) & ~7


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value & 0x80000000 else value


def _also(verdict: Verdict, effect: Effect, registers: Any) -> Verdict:  # noqa: ANN401
    ending = verdict.ending or Ending(abi.copy(registers))
    return attrs.evolve(verdict, ending=attrs.evolve(ending, effects=(*ending.effects, effect)))


def _maps(verdict: Verdict) -> bool:
    return verdict.ending is not None and KeepMapping() in verdict.ending.effects


def _late(verdict: Verdict, delay_s: float) -> Verdict:
    # A call that is run again after the mapping is delayed then.
    return attrs.evolve(verdict, delay_s=delay_s) if delay_s and not _maps(verdict) else verdict
