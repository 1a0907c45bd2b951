"""From the text of a path in a call to what it means and where it is to go.

The order of tests keeps the common case cheap: a look at the string first; only what could concern the view is resolved
and checked against the facts. What cannot be told is left alone.
"""

import os
import posixpath
import struct
from collections.abc import Callable

import attrs

from runner.intercept.calls import AT_FDCWD, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, O_TMPFILE, Call, PathAt
from runner.intercept.known import Plain
from runner.intercept.port import Kernel
from runner.intercept.resolve import lexically, resolve
from runner.intercept.rewrite import Placement
from runner.intercept.rules import Kind, Rules, Screening, Where
from runner.intercept.world import ThreadEyes, World, identity

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
_OPEN_HOW = struct.Struct("=QQQ")
_WORD = 0xFFFFFFFF
_SIGN = 0x80000000


@attrs.frozen
class Place:
    """What a path of a call turned out to be.

    Attributes:
        path: Normalised, if it concerns the view; else empty.
        placement: Where it is to go; None leaves it as it is.
        settled: It cannot concern the view, whatever thread names it, as long as no name changes.
    """

    path: str = ""
    placement: Placement | None = None
    settled: bool = False


ELSEWHERE = Place()
_NOWHERE = Place(settled=True)


@attrs.frozen
class Intent:
    """What the flags of a call say about its path."""

    follows: bool
    creates: bool
    resolve: int = 0


def intent_of(kernel: Kernel, tid: int, call: Call, at: PathAt, arguments: tuple[int, ...]) -> Intent | None:
    """What the flags of a call say about one of its paths; None if they cannot be read."""
    follows, creates, special = at.follows, at.creates, 0
    if call.at_flags is not None:
        flags = arguments[call.at_flags]
        if call.name == "linkat":
            return Intent(bool(flags & AT_SYMLINK_FOLLOW) and not creates, creates)
        return Intent(follows and not flags & AT_SYMLINK_NOFOLLOW, creates)
    if call.open_how is not None:
        how = kernel.read(tid, arguments[call.open_how], _OPEN_HOW.size)
        if len(how) < _OPEN_HOW.size:
            return None
        flags, _mode, special = _OPEN_HOW.unpack(how)
    elif call.open_flags is not None:
        flags = arguments[call.open_flags]
    else:
        return Intent(follows, creates)
    creates = bool(flags & os.O_CREAT) and not flags & O_TMPFILE
    if flags & os.O_NOFOLLOW or (creates and flags & os.O_EXCL):
        follows = False
    return Intent(follows, creates, special)


def signed(value: int) -> int:
    """A register as the C int that the kernel takes it for."""
    value &= _WORD
    return value - _WORD - 1 if value & _SIGN else value


@attrs.frozen
class Placer:
    """Places paths by one view's rules.

    Attributes:
        kernel: Memory, for what flags point to.
        rules: The view's.
        world: The facts.
        on_new_name: Told every name that a program is about to make in the view.
    """

    kernel: Kernel
    rules: Rules
    world: World
    on_new_name: Callable[[str], None] = lambda _name: None

    def place(self, tid: int, call: Call, at: PathAt, arguments: tuple[int, ...], text: str) -> Place:
        """The place of one path of a call."""
        eyes = ThreadEyes(self.world, tid)
        intent = intent_of(self.kernel, tid, call, at, arguments)
        if intent is None:
            return ELSEWHERE
        if text.startswith("/"):
            # Below another root, or an error: not ours to say.
            if intent.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
                return ELSEWHERE
            return self._place(eyes, text, text, "", intent)
        if intent.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) and ".." in text.split("/"):
            return ELSEWHERE
        base = eyes.directory(AT_FDCWD if at.dirfd is None else signed(arguments[at.dirfd]))
        if base is None:
            return ELSEWHERE
        return self._place(eyes, posixpath.join(self.rules.virtual(base), text), text, base, intent)

    def screen(self, eyes: ThreadEyes, path: str, intent: Intent) -> Screening:
        """How far an absolute path must be looked at, a link at its end already looked for."""
        screening = self.rules.screen(path, follows=intent.follows, creates=intent.creates)
        if screening is not Screening.LAST:
            return screening
        return Screening.NO if eyes.link(lexically(path)) is None else Screening.WALK

    def _place(self, eyes: ThreadEyes, path: str, text: str, base: str, intent: Intent) -> Place:
        screening = self.screen(eyes, path, intent)
        if screening is Screening.NO:
            return _NOWHERE
        facts = Facts(self.world)
        resolved, plain = self._resolved(eyes, facts, path, intent, screening)
        if resolved is None:
            return ELSEWHERE
        if intent.resolve & RESOLVE_NO_SYMLINKS and eyes.followed:
            return ELSEWHERE
        if intent.resolve & RESOLVE_NO_MAGICLINKS and eyes.followed_magic:
            return ELSEWHERE
        if not self.rules.concerns(resolved):
            return ELSEWHERE if eyes.fleeting else _NOWHERE
        if not eyes.sees(resolved):
            return ELSEWHERE
        if not self.rules.covers(resolved):
            return Place(resolved)
        if intent.creates:
            self._expect(posixpath.basename(resolved))
        named_in_layer = self.rules.virtual(base) != base
        where = self.rules.decide(resolved, facts, creates=intent.creates, named_in_layer=named_in_layer)
        if where is Where.AS_NAMED and not plain and self._only_here(path, resolved):
            where = Where.REAL
        if where is Where.AS_NAMED or (where is Where.LAYER and named_in_layer and plain):
            return Place(resolved)
        if where is Where.LAYER_NEW and not self.world.make_parents(resolved):
            return Place(resolved)
        slash = "/" if text.endswith("/") else ""
        skip = len(text) - len(text.lstrip("/")) if plain and not base else None
        if where is Where.LAYER and skip is not None and not slash and facts.in_layer(resolved) is Kind.FILE:
            self._remember(text, resolved, skip)
        return Place(resolved, Placement(target=resolved + slash, in_layer=where is not Where.REAL, skip=skip))

    def _resolved(
        self, eyes: ThreadEyes, facts: "Facts", path: str, intent: Intent, screening: Screening
    ) -> tuple[str | None, bool]:
        """What an absolute path leads to, None where the kernel will refuse; and whether its text says just that."""
        if screening is not Screening.PLAIN:
            return resolve(path, eyes, follows=intent.follows), False
        # Links below a tree are rare; what the layer has under this very name needs no walk.
        plain = lexically(path)
        if not self.rules.covers(plain) or facts.in_layer(plain) is Kind.FILE:
            return plain, True
        resolved = resolve(path, eyes, follows=intent.follows)
        return resolved, resolved == plain

    def _only_here(self, path: str, resolved: str) -> bool:
        """Whether a real file is named by way of a directory that only the layer has, as ``new/../real``."""
        return self.world.really(path) is Kind.NOTHING and self.world.really(resolved) is not Kind.NOTHING

    def _remember(self, text: str, path: str, skip: int) -> None:
        found = identity(self.rules.layer + path)
        if found is not None:
            self.world.known.found_plain(os.fsencode(text), Plain(path, skip, found))

    def _expect(self, name: str) -> None:
        """A new name in the view may be reached through links from now on, so paths that end in it are walked."""
        if name not in self.rules.names:
            self.rules.names.add(name)
            self.on_new_name(name)
            self.world.known.forget()


@attrs.define
class Facts:
    """The facts about paths for one call, each asked for once; implements :class:`runner.intercept.rules.Places`."""

    world: World
    _layer: dict[str, Kind] = attrs.field(factory=dict)
    _real: dict[str, Kind] = attrs.field(factory=dict)

    def in_layer(self, path: str) -> Kind:
        """See :class:`runner.intercept.rules.Places`."""
        if path not in self._layer:
            self._layer[path] = self.world.in_layer(path)
        return self._layer[path]

    def really(self, path: str) -> Kind:
        """See :class:`runner.intercept.rules.Places`."""
        if path not in self._real:
            self._real[path] = self.world.really(path)
        return self._real[path]
