"""Directory records that are added to a listing."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from runner.intercept.listing import added_records, read_all, record_bytes, reduced_size

NAMES = st.text(min_size=1, max_size=60).filter(lambda name: "/" not in name and "\0" not in name)
ENTRIES = st.lists(st.tuples(NAMES, st.integers(1, 2**63), st.sampled_from([4, 8, 10])), max_size=8).map(tuple)


def pack(*names):
    data = b""
    for index, name in enumerate(names, 1):
        size = record_bytes(name)
        data += (struct.pack("=QqHB", index, index * 10, size, 8) + name.encode()).ljust(size, b"\0")
    return data


def parse(data):
    found, at = [], 0
    while at < len(data):
        inode, offset, size, kind = struct.unpack_from("=QqHB", data, at)
        name = data[at + 19 : at + size].split(b"\0", 1)[0].decode()
        assert size % 8 == 0
        found.append((name, inode, kind, offset))
        at += size
    return found


@given(ENTRIES)
def test_added_records_are_whole_and_point_behind_the_last_real_one(entries):
    data = added_records(pack(".", "real"), entries, begins=True)
    assert [(name, inode, kind) for name, inode, kind, _offset in parse(data)] == list(entries)
    assert {offset for *_rest, offset in parse(data)} <= {20}
    assert len(data) == sum(record_bytes(name) for name, *_rest in entries)


def test_only_the_beginning_of_a_listing_is_completed():
    entries = (("new", 1, 8),)
    assert added_records(pack("real"), entries, begins=False) == b""
    assert added_records(pack("real"), entries, begins=True)


def test_where_positions_are_not_shown_the_dot_tells_the_beginning():
    entries = (("new", 1, 8),)
    assert added_records(pack(".", "real"), entries, begins=None)
    assert added_records(pack("real", "."), entries, begins=None) == b""
    assert added_records(pack(".hidden"), entries, begins=None) == b""
    assert added_records(b"", entries, begins=None) == b""


@given(ENTRIES, st.integers(0, 5000))
def test_the_kernel_keeps_room_for_a_record_of_its_own(entries, size):
    reduced = reduced_size(size, entries)
    needed = sum(record_bytes(name) for name, *_rest in entries)
    if reduced is None:
        assert size - needed < 280
    else:
        assert reduced + needed == size
        assert reduced >= record_bytes("x" * 255)


def test_memory_is_read_piece_by_piece_to_its_end():
    memory = bytes(range(100))
    assert read_all(lambda at, size: memory[at : at + size], 10, 50, 7) == memory[10:60]
    assert read_all(lambda at, size: memory[at : at + size], 90, 50, 7) == memory[90:]
