"""The common case, made cheap: a call on a path that has nothing to do with the view.

From the text alone, from what is known about names, or (for a relative path) from one look for a link at its end. What a
glance cannot tell is examined; it never says "nothing to do" where the examination would say otherwise.
"""

import os

import attrs

from runner.intercept.calls import AT_FDCWD, Call
from runner.intercept.known import manner
from runner.intercept.place import Placer, intent_of, signed
from runner.intercept.rules import Screening
from runner.intercept.world import ThreadEyes, link_text

_SLASH = 0x2F
_PROC = b"/proc/"


@attrs.frozen
class Glance:
    """Glances for one view.

    Attributes:
        placer: Knows the rules and the facts.
    """

    placer: Placer

    def is_enough(self, tid: int, call: Call, arguments: tuple[int, ...], text: bytes | None) -> bool:
        """Whether it is certain that a call with one path, of this text, can be left alone.

        Raises:
            ThreadGoneError: The thread was killed meanwhile.
        """
        if not text:
            return True  # a descriptor is meant, or the kernel refuses
        if text[0] != _SLASH:
            return self._relative(tid, call, arguments, text)
        if call.shows_link and text.startswith(_PROC):
            return False  # what a process's link shows may have to be changed
        intent = intent_of(self.placer.kernel, tid, call, call.paths[0], arguments)
        if intent is None:
            return True
        known = self.placer.world.known
        how = manner(follows=intent.follows, creates=intent.creates)
        if text in known.settled[how]:
            return True
        eyes = ThreadEyes(self.placer.world, tid)
        if self.placer.screen(eyes, os.fsdecode(text), intent) is not Screening.NO:
            return False
        known.settle(text, how)
        return True

    def _relative(self, tid: int, call: Call, arguments: tuple[int, ...], text: bytes) -> bool:
        """Where it starts is not known; but only by certain names, or by a link at the end, can it reach the view."""
        name = text.rpartition(b"/")[2]
        if name in (b"", b".") or b".." in text or name.decode(errors="surrogateescape") in self.placer.rules.names:
            return False
        at = call.paths[0]
        intent = intent_of(self.placer.kernel, tid, call, at, arguments)
        if intent is None:
            return True
        if intent.creates:
            return False
        if not intent.follows:
            return True
        descriptor = AT_FDCWD if at.dirfd is None else signed(arguments[at.dirfd])
        start = "cwd" if descriptor == AT_FDCWD else f"fd/{descriptor}"
        return link_text(f"/proc/{tid}/{start}/{text.decode(errors='surrogateescape')}") is None
