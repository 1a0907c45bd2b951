"""Where a Go program makes its system calls: one function, found in the file by its bytes.

Nearly all calls of a Go program come from one instruction, which is called from many threads soon after the start, so it must
be known before that. Only programs at fixed addresses (what ``go build`` makes by default) are looked into.
"""

# Plain os calls: this runs at stops, where Path objects are only a cost.
# ruff: noqa: PTH116, PTH123

import os
import struct

import attrs

from runner.intercept.screener_x86_64 import GO_CALL_AT, GO_FUNCTION

_HEADER = struct.Struct("<16sHHIQQQIHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_MAGIC = b"\x7fELF\x02\x01"
_FIXED_ADDRESS = 2
_LOADED = 1
_EXECUTABLE = 1
# The packages that all others need come first in a program; what is not found in so many bytes is not there.
_SEARCHED_BYTES = 8 << 20


@attrs.frozen
class GoPrograms:
    """Answers by file, each looked into once."""

    _found: dict[tuple[int, int, int, int], int | None] = attrs.field(factory=dict)

    def call_of(self, tid: int) -> int | None:
        """Address of the system call instruction in a thread's program; None if it is no such program."""
        path = f"/proc/{tid}/exe"
        try:
            file = os.stat(path)
            key = (file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns)
            if key not in self._found:
                with open(path, "rb") as program:
                    self._found[key] = _search(program.fileno())
        except OSError:
            return None
        return self._found[key]


def _search(program: int) -> int | None:
    header = os.pread(program, _HEADER.size, 0)
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        return None
    kind, at, size, count = (_HEADER.unpack(header)[index] for index in (1, 5, 9, 10))
    if kind != _FIXED_ADDRESS or size != _SEGMENT.size:
        return None
    for segment in _SEGMENT.iter_unpack(os.pread(program, size * count, at)[: size * count]):
        what, flags, offset, address, _physical, length = segment[:6]
        if what == _LOADED and flags & _EXECUTABLE:
            index = os.pread(program, min(length, _SEARCHED_BYTES), offset).find(GO_FUNCTION)
            if index >= 0:
                return int(address + index + GO_CALL_AT)
    return None
