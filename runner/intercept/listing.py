"""Completes directory listings: a directory that both the sandbox and the layer have lists the names of both.

The directory stays the real one, and the layer's names are added behind the first part of its listing. Which part is the
first is told by the descriptor's position before the call; where the kernel does not show that (gVisor of 2022), by the
entry ``.``, which comes first there (on ext4 it may come anywhere). Nothing is remembered between calls, so rewinding,
duplicated descriptors and forks list right too.
(Tried in thought and refused: opening a merged copy instead. It would need placeholders for hundreds of real files, which
lstat, d_type and getcwd give away.)
"""

import os
import struct
from collections.abc import Callable, Iterator

_HEADER = struct.Struct("=QqHB")
_FIRST_NAME = b".\0"
_ALIGNMENT = 8
# A listing is only completed if at least one real entry still fits.
_LONGEST_RECORD = 280

Entry = tuple[str, int, int]


def record_bytes(name: str) -> int:
    """Size of a ``struct linux_dirent64`` for a name, padded as the kernel pads it."""
    size = _HEADER.size + len(os.fsencode(name)) + 1
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def reduced_size(size: int, entries: tuple[Entry, ...]) -> int | None:
    """What the kernel may fill of a buffer so that the entries fit behind it; None if there is no room."""
    rest = size - sum(record_bytes(name) for name, _inode, _kind in entries)
    return rest if rest >= _LONGEST_RECORD else None


def added_records(listed: bytes, entries: tuple[Entry, ...], *, begins: bool | None) -> bytes:
    """Records to append to what the kernel listed; nothing unless it is the beginning of a listing.

    ``begins`` says whether it is, None if the records themselves must tell. What is added carries the
    position of the last real entry: seeking there goes on with the real ones.
    """
    if begins is None:
        begins = listed[_HEADER.size : _HEADER.size + len(_FIRST_NAME)] == _FIRST_NAME
    if not begins:
        return b""
    offset = 0
    for offset, _record in _records(listed):  # noqa: B007  the last one is wanted
        pass
    added = b""
    for name, inode, kind in entries:
        size = record_bytes(name)
        added += (_HEADER.pack(inode, offset, size, kind) + os.fsencode(name)).ljust(size, b"\0")
    return added


def _records(listed: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _HEADER.size <= len(listed):
        _inode, offset, size, _kind = _HEADER.unpack_from(listed, position)
        if size < _HEADER.size:
            return
        yield offset, listed[position : position + size]
        position += size


def read_all(read: Callable[[int, int], bytes], address: int, size: int, piece: int) -> bytes:
    """Memory of any size through a reader of limited pieces; shorter where it ends."""
    data = b""
    while len(data) < size:
        part = read(address + len(data), min(piece, size - len(data)))
        if not part:
            break
        data += part
    return data
