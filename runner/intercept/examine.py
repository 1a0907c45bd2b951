"""Looks at one system call about to run and decides what is done about it.

When in doubt the call is left alone, and the kernel gives its own answer.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.calls import (
    BY_NAME,
    DESCRIPTOR,
    LINKING,
    LISTING,
    NAMING,
    REARRANGING,
    SPOOFED_BY_DESCRIPTOR,
    SPOOFED_BY_PATH,
    Call,
)
from runner.intercept.delays import Delays
from runner.intercept.glance import Glance
from runner.intercept.known import manner
from runner.intercept.listing import reduced_size
from runner.intercept.place import ELSEWHERE, Place, Placer, intent_of, signed
from runner.intercept.port import Kernel
from runner.intercept.rewrite import rewrite
from runner.intercept.rules import Rules
from runner.intercept.scratch import REGION_BYTES, TEXT_BYTES, ScratchBook, Slot
from runner.intercept.screener import Screener
from runner.intercept.screener_x86_64 import RESTORED
from runner.intercept.verdict import (
    LEAVE,
    CompleteListing,
    Effect,
    Ending,
    KeepMapping,
    NamesChange,
    ShowPath,
    ShowType,
    Verdict,
    map_instead,
)
from runner.intercept.world import Identity, ThreadEyes, World, descriptor_position, link_text, parent_of, process_of

_PROT_READ_WRITE = 3
_MAP_PRIVATE_ANONYMOUS = 0x22


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
        on_counted: Called with (path, times) for redirects that were only counted.
        seen: How often each call was looked at, by name.
        screener: Patches programs; None if they are left as they are.
    """

    kernel: Kernel
    rules: Rules
    world: World
    scratch: ScratchBook
    layer_fd: int
    layer_identity: Identity | None
    spoofs: bool
    delays: Delays
    on_redirect: Callable[[int, str, str, str], None]
    on_observe: Callable[[int, str, str], None]
    on_counted: Callable[[str, int], None] = lambda _path, _times: None
    seen: Counter[str] = attrs.field(factory=Counter)
    screener: Screener | None = None
    _placer: Placer = attrs.field(init=False)
    _glance: Glance = attrs.field(init=False)
    _calls: dict[int, Call] = attrs.field(init=False)
    _others: dict[int, str] = attrs.field(init=False)
    _always: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Index the calls of this architecture by number."""
        on_new_name = self.screener.pages.ask_for if self.screener else (lambda _name: None)
        self._placer = Placer(self.kernel, self.rules, self.world, on_new_name)
        self._glance = Glance(self._placer)
        self._calls = {abi.NUMBERS[name]: call for name, call in BY_NAME.items() if name in abi.NUMBERS}
        others = {*LISTING, *NAMING, *REARRANGING, *SPOOFED_BY_DESCRIPTOR, *(self.delays.names() - set(BY_NAME))}
        self._others = {abi.NUMBERS[name]: name for name in others}
        # Something is done about these wherever their path leads.
        self._always = self.delays.names() | frozenset(LINKING) | frozenset(SPOOFED_BY_PATH if self.spoofs else ())

    def refresh(self) -> None:
        """Ask anew what was known: processes that are not traced may have changed it."""
        self.world.known.forget()
        self.count()

    def count(self) -> None:
        """Count what programs redirected by themselves."""
        if self.screener is not None:
            for path, times in self.screener.table.news():
                self.on_counted(path, times)

    def recovers(self, tid: int) -> bool:
        """Whether a fault was the screener's.

        Raises:
            ThreadGoneError: It was killed meanwhile.
        """
        return self.screener is not None and self.screener.recovers(tid)

    def examine(self, tid: int) -> Verdict:
        """Decide about the call that the thread is about to make.

        Raises:
            ThreadGoneError: It was killed meanwhile.
        """
        registers = self.kernel.registers(tid)
        number = abi.number(registers)
        self.seen[abi.NAMES.get(number, "unknown")] += 1
        call = self._calls.get(number)
        other = self._others.get(number) if call is None else None
        if (call is None and other is None) or not abi.is_native(registers):
            return LEAVE
        if call is None:
            return self._examine_other(tid, other or "", registers)
        return self._examine_paths(tid, call, registers)

    # Calls on paths

    def _examine_paths(self, tid: int, call: Call, registers: Any) -> Verdict:  # noqa: ANN401  ctypes structure
        if self.screener is not None and abi.number(registers) in self.screener.screened:
            patching = self.screener.before_call(tid, registers)
            if patching is not None:
                return patching
        arguments = abi.arguments(registers)
        found = [self.kernel.text(tid, arguments[at.path]) for at in call.paths]
        if call.name not in self._always:
            again = self._redirect_again(tid, call, registers, arguments, found[0] or b"")
            if again is not None:
                return again
            if self._glance.is_enough(tid, call, arguments, found[0]):
                return LEAVE
        texts = [None if text is None else os.fsdecode(text) for text in found]
        places = [
            self._placer.place(tid, call, at, arguments, text) if text else ELSEWHERE
            for at, text in zip(call.paths, texts, strict=True)
        ]
        for place in places:
            if place.path in self.rules.observed:
                self.on_observe(tid, place.path, call.name)
        verdict = LEAVE
        if any(place.placement for place in places):
            verdict = self._redirect(tid, call, registers, arguments, places)
        elif call.shows_link and texts[0] and texts[0].startswith("/proc/"):
            verdict = self._examine_readlink(tid, texts[0], arguments[call.paths[0].path + 1], registers)
        elif places[0].settled and len(places) == 1:
            self._settle(tid, call, arguments, found[0] or b"")
        if _maps(verdict):
            return verdict  # the call comes again, and is delayed and spoofed then
        if call.name in LINKING:
            self.world.known.begin_change()
            verdict = _also(verdict, NamesChange(), registers)
        if self.spoofs and call.name in SPOOFED_BY_PATH:
            verdict = _also(verdict, ShowType(arguments[1]), registers)
        if call.name in self.delays.names():
            path = places[0].path or self._absolute(tid, call, arguments, texts[0] or "")
            verdict = _late(verdict, self.delays.seconds(call.name, path))
        return verdict

    def _settle(self, tid: int, call: Call, arguments: tuple[int, ...], text: bytes) -> None:
        """Remember a path that cannot concern the view."""
        intent = intent_of(self.kernel, tid, call, call.paths[0], arguments)
        if intent and text.startswith(b"/"):
            self.world.known.settle(text, manner(follows=intent.follows, creates=intent.creates))

    def _absolute(self, tid: int, call: Call, arguments: tuple[int, ...], text: str) -> str:
        """A path for delays, which go by the name alone."""
        at = call.paths[0]
        if not text or text.startswith("/") or at.dirfd is None:
            return text
        base = ThreadEyes(self.world, tid).directory(signed(arguments[at.dirfd])) or ""
        return os.path.normpath(f"{base}/{text}")

    def _redirect_again(
        self,
        tid: int,
        call: Call,
        registers: Any,  # noqa: ANN401  ctypes structure
        arguments: tuple[int, ...],
        text: bytes,
    ) -> Verdict | None:
        """A redirect as it was made before, if one look through the thread's own descriptor finds the same file."""
        plain = self.world.known.plain.get(text)
        at = call.paths[0]
        if plain is None or at.dirfd is None or call.open_how is not None:
            return None
        eyes = ThreadEyes(self.world, tid)
        if not eyes.sees(plain.path) or not eyes.finds(self.layer_fd, plain.path, plain.identity):
            return None
        if self.screener is not None and plain.skip == 1:
            mapping = self.screener.before_hit(tid, registers, text, plain.path)
            if mapping is not None:
                return mapping
        self.on_redirect(tid, plain.path, self.rules.layer + plain.path, call.name)
        changed = {at.dirfd: self.layer_fd, at.path: arguments[at.path] + plain.skip}
        return Verdict(None, changed, self._ending(registers, changed))

    def _ending(
        self,
        registers: Any,  # noqa: ANN401  ctypes structure
        changed: dict[int, int],
        slots: tuple[Slot, ...] = (),
    ) -> Ending | None:
        """What is left to do after a redirect: nothing, if the program itself puts back what was changed."""
        if self.screener is not None and not slots and RESTORED.issuperset(changed) and self.screener.asks(registers):
            return None
        return Ending(abi.copy(registers), slots=slots)

    def _redirect(
        self,
        tid: int,
        call: Call,
        registers: Any,  # noqa: ANN401  ctypes structure
        arguments: tuple[int, ...],
        places: list[Place],
    ) -> Verdict:
        eyes = ThreadEyes(self.world, tid)
        has_descriptor = self.layer_identity is not None and eyes.has_descriptor(self.layer_fd, self.layer_identity)
        layer_fd = self.layer_fd if has_descriptor else None
        placements = tuple(place.placement for place in places)
        plan = rewrite(call, arguments, placements, layer=self.rules.layer, layer_fd=layer_fd)
        changed = dict(plan.arguments)
        slots: tuple[Slot, ...] = ()
        if plan.texts:
            # An absolute text is resolved in the program's own root.
            if any(text.startswith("/") for text in plan.texts.values()) and not eyes.shares_root():
                return LEAVE
            slot = self._slot(tid)
            if slot is None:
                return self._map(tid, registers)
            slots = (slot,)
            written = False
            try:
                written = self._write_texts(tid, slot, plan.texts, changed)
            finally:
                if not written:
                    self.scratch.give_back(slot)
            if not written:
                return LEAVE
        for place in places:
            if place.placement is not None:
                target = (self.rules.layer if place.placement.in_layer else "") + place.placement.target
                self.on_redirect(tid, place.path, target, call.name)
        number = None if plan.name is None else abi.NUMBERS[plan.name]
        return Verdict(number, changed, self._ending(registers, changed, slots))

    # Scratch memory

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
            address = slot.address + index * TEXT_BYTES
            data = os.fsencode(text) + b"\0"
            if len(data) > TEXT_BYTES or not self.kernel.write(tid, address, data):
                return False
            changed[position] = address
        return True

    def _map(self, tid: int, registers: Any) -> Verdict:  # noqa: ANN401
        """Make the program map scratch memory instead, and run its call again afterwards."""
        if self.scratch.refused(process_of(tid)):
            return LEAVE
        arguments = (0, REGION_BYTES, _PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS, -1, 0)
        return map_instead(registers, arguments, KeepMapping())

    # Calls that are looked at when they return

    def _examine_other(self, tid: int, name: str, registers: Any) -> Verdict:  # noqa: ANN401
        arguments = abi.arguments(registers)
        verdict = LEAVE
        if name in NAMING:
            verdict = self._shown(tid, f"/proc/{tid}/cwd", arguments[0], registers, terminated=True)
        elif name in LISTING:
            verdict = self._examine_listing(tid, arguments, registers)
        elif name in REARRANGING:
            if self.screener is not None:
                self.screener.table.close()
            self.world.known.begin_change()
            verdict = _also(LEAVE, NamesChange(), registers)
        elif name in SPOOFED_BY_DESCRIPTOR and self.spoofs:
            verdict = _also(LEAVE, ShowType(arguments[1]), registers)
        if name in self.delays.names():
            path = ""
            if self.delays.by_path(name) and name in DESCRIPTOR:
                path = link_text(f"/proc/{tid}/fd/{signed(arguments[DESCRIPTOR[name]])}") or ""
            verdict = _late(verdict, self.delays.seconds(name, self.rules.virtual(path)))
        return verdict

    def _examine_readlink(self, tid: int, text: str, buffer: int, registers: Any) -> Verdict:  # noqa: ANN401
        """A process's links show paths in the layer; programs get the paths that they know."""
        match text.split("/"):
            case ["", "proc", "self" | "thread-self", *rest]:
                magic = f"/proc/{tid}/" + "/".join(rest)
            case ["", "proc", _, *rest]:
                magic = text
            case _:
                return LEAVE
        if rest[-1:] not in (["cwd"], ["exe"]) and rest[-2:-1] != ["fd"]:
            return LEAVE
        return self._shown(tid, magic, buffer, registers, terminated=False)

    def _shown(self, tid: int, magic: str, buffer: int, registers: Any, *, terminated: bool) -> Verdict:  # noqa: ANN401
        path = link_text(magic) or ""
        if self.rules.virtual(path) == path:
            return LEAVE
        before = self.kernel.read(tid, buffer, len(os.fsencode(path)) + 1)
        return _also(LEAVE, ShowPath(buffer, before, terminated), registers)

    def _examine_listing(self, tid: int, arguments: tuple[int, ...], registers: Any) -> Verdict:  # noqa: ANN401
        descriptor = signed(arguments[0])
        path = link_text(f"/proc/{tid}/fd/{descriptor}") or ""
        if not (self.rules.in_tree(path) or path in self.rules.parents):
            return LEAVE
        entries = self.world.only_in_layer(path)
        if not entries or ThreadEyes(self.world, tid).directory(descriptor) is None:
            return LEAVE
        size = reduced_size(arguments[2] & 0xFFFFFFFF, entries)
        if size is None:
            return LEAVE
        begins = descriptor_position(tid, descriptor)
        effect = CompleteListing(
            arguments[1], arguments[2] & 0xFFFFFFFF, entries, None if begins is None else begins == 0
        )
        return Verdict(None, {2: size}, Ending(abi.copy(registers), effects=(effect,)))


def _also(verdict: Verdict, effect: Effect, registers: Any) -> Verdict:  # noqa: ANN401
    ending = verdict.ending or Ending(abi.copy(registers))
    return attrs.evolve(verdict, ending=attrs.evolve(ending, effects=(*ending.effects, effect)))


def _maps(verdict: Verdict) -> bool:
    return verdict.ending is not None and KeepMapping() in verdict.ending.effects


def _late(verdict: Verdict, delay_s: float) -> Verdict:
    return attrs.evolve(verdict, delay_s=delay_s) if delay_s else verdict
