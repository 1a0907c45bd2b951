"""Texts that programs may open in the layer without asking, and how often they did.

What comes here has been redirected, and reported, as often as anybody wants to read: from then on it is only counted, and
counting needs no stop. The table lies in memory that programs and tracer share. A text stands for itself by its 64-bit hash.

The routine makes sure that the descriptor is the layer's and that there is a plain file. What it cannot see is whether the
program still lives in the world that the view is for. So once any process has changed a root, mounts or a namespace the
table is closed for good, and the tracer looks at every hit again.
"""

import mmap
import struct
from collections.abc import Iterator

import attrs

from runner.intercept.screener_x86_64 import TABLE_AT, TABLE_ENTRIES, TABLE_ENTRY_BYTES, text_hash

_ENTRY = struct.Struct("<QQ")


def entry_of(hashed: int) -> int:
    """Index of the entry where a text would be."""
    return (hashed ^ hashed >> 32) % TABLE_ENTRIES


@attrs.define
class HitTable:
    """The table of one run.

    Attributes:
        memory: The shared pages.
        is_open: Whether texts are admitted; never again once it was closed.
    """

    memory: mmap.mmap
    is_open: bool = True
    _paths: dict[int, str] = attrs.field(factory=dict)
    _told: dict[int, int] = attrs.field(factory=dict)

    def admit(self, text: bytes, path: str) -> bool:
        """From now on programs may serve themselves; False if the table has no room for this text.

        Args:
            text: As programs spell it; without its first byte it is a file of the layer.
            path: What is counted.
        """
        hashed = text_hash(text)
        index = entry_of(hashed)
        if not self.is_open or self._paths.setdefault(index, path) != path:
            return False
        place = TABLE_AT + index * TABLE_ENTRY_BYTES
        known, count = _ENTRY.unpack_from(self.memory, place)
        if known not in (0, hashed):
            return False
        _ENTRY.pack_into(self.memory, place, hashed, count)
        return True

    def close(self) -> None:
        """No program serves itself any more."""
        self.is_open = False
        for index in self._paths:
            place = TABLE_AT + index * TABLE_ENTRY_BYTES
            self.memory[place : place + 8] = bytes(8)

    def news(self) -> Iterator[tuple[str, int]]:
        """Path and how often it was opened since the last time."""
        for index, path in self._paths.items():
            _hashed, count = _ENTRY.unpack_from(self.memory, TABLE_AT + index * TABLE_ENTRY_BYTES)
            new = count - self._told.get(index, 0)
            if new:
                self._told[index] = count
                yield path, new
