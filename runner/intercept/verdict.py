"""What was decided about one system call: how it is changed, and what remains to be done when it returns."""

from typing import Any

import attrs

from runner.intercept import abi_x86_64 as abi
from runner.intercept.scratch import Slot
from runner.intercept.screener_x86_64 import Site


@attrs.frozen
class ShowType:
    """statfs: show another filesystem type in the structure at ``buffer``."""

    buffer: int


@attrs.frozen
class ShowPath:
    """getcwd, readlink: a path in the layer, at ``buffer``, is shown as the path that programs know.

    Attributes:
        buffer: Address of the caller's buffer.
        before: What the buffer held before the call: behind a shorter text, it must hold that again.
        terminated: The text ends in NUL, which counts.
    """

    buffer: int
    before: bytes
    terminated: bool


@attrs.frozen
class CompleteListing:
    """getdents64: add ``entries`` (whole records, names only the layer has) when the listing begins.

    Attributes:
        buffer: Address of the caller's buffer.
        size: Its full size in bytes.
        entries: Names, inodes and types to add.
        begins: Whether this call begins the listing; None if only the result can tell.
    """

    buffer: int
    size: int
    entries: tuple[tuple[str, int, int], ...]
    begins: bool | None = None


@attrs.frozen
class KeepMapping:
    """The injected mmap returned: keep its address as scratch memory, and run the original call again."""


@attrs.frozen
class MapScreener:
    """The injected mmap of the screener's pages returned: patch ``site``, and run the original call again."""

    site: Site


@attrs.frozen
class MapTable:
    """The injected mmap of the table of hits returned: tell the screener's pages at ``base``, and run the original call again."""

    base: int


@attrs.frozen
class NamesChange:
    """The call may make a link or move a name: what is known about names ends with it."""


# What the thread maps in place of its own call, which runs again afterwards.
Mapping = KeepMapping | MapScreener | MapTable
Effect = ShowType | ShowPath | CompleteListing | Mapping | NamesChange


@attrs.frozen
class Ending:
    """What is left to do at a call's exit.

    Attributes:
        saved: The registers before the change.
        effects: What to do besides putting them back.
        slots: Scratch slots that are free again afterwards.
    """

    saved: Any
    effects: tuple[Effect, ...] = ()
    slots: tuple[Slot, ...] = ()


@attrs.frozen
class Verdict:
    """A decision.

    Attributes:
        number: New call number, None to keep it.
        arguments: New arguments by position.
        ending: What is left to do at the exit; None needs no exit stop.
        delay_s: Hold the call back so long first.
    """

    number: int | None = None
    arguments: dict[int, int] = attrs.field(factory=dict)
    ending: Ending | None = None
    delay_s: float = 0.0

    @property
    def changes_call(self) -> bool:
        """Whether registers have to be written now."""
        return self.number is not None or bool(self.arguments)


LEAVE = Verdict()


def map_instead(registers: Any, arguments: tuple[int, ...], effect: Mapping) -> Verdict:  # noqa: ANN401  ctypes structure
    """Make the thread call mmap in place of the call that it is about to make.

    Args:
        registers: The thread's, at its stop.
        arguments: Of mmap.
        effect: What is done with the address.
    """
    return Verdict(abi.NUMBERS["mmap"], dict(enumerate(arguments)), Ending(abi.copy(registers), effects=(effect,)))
