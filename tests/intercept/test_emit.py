"""Reports never hold the tracer up, and counts stay exact."""

import fcntl
import os

import pytest

from runner.intercept.emit import EVENTS_PER_PATH, Emitter
from runner.intercept.records import Redirected, Report, Started, from_line


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            continue


def read_all(reading):
    os.set_blocking(reading, False)
    data = b""
    while True:
        try:
            part = os.read(reading, 65536)
        except BlockingIOError:
            break
        if not part:
            break
        data += part
    return data


def test_a_full_pipe_drops_events_and_counts_them(pipe):
    reading, writing = pipe
    emitter = Emitter(writing)
    for pid in range(500):
        emitter.emit(Started(t=1.0, pid=pid))
    first = [from_line(line).pid for line in read_all(reading).splitlines()]
    assert first == list(range(len(first)))
    emitter.emit(Started(t=1.0, pid=1000))
    emitter.report(last=True)
    *between, report = [from_line(line) for line in read_all(reading).splitlines()]
    assert isinstance(report, Report)
    assert report.dropped == 500 - len(first) - (len(between) - 1)


def test_lines_are_never_torn_by_a_full_pipe(pipe):
    reading, writing = pipe
    emitter = Emitter(writing)
    lines = b""
    for round_ in range(50):
        for _index in range(20):
            emitter.redirected(1, f"/proc/sys/{round_}/" + "x" * 900, "/layer", "openat")
        lines += read_all(reading)
    emitter.emit(Started(t=1.0, pid=1))
    lines += read_all(reading)
    assert all(from_line(line) for line in lines.splitlines())


def test_one_path_is_reported_some_times_and_counted_always(pipe):
    reading, writing = pipe
    emitter = Emitter(writing)
    lines = b""
    for _index in range(EVENTS_PER_PATH * 3):
        emitter.redirected(1, "/proc/sys/a", "/layer/proc/sys/a", "openat")
        lines += read_all(reading)
    emitter.report()
    records = [from_line(line) for line in (lines + read_all(reading)).splitlines()]
    assert sum(isinstance(record, Redirected) for record in records) == EVENTS_PER_PATH
    assert records[-1].redirects_by_path == {"/proc/sys/a": EVENTS_PER_PATH * 3}


def test_nothing_new_is_not_reported_again(pipe):
    reading, writing = pipe
    emitter = Emitter(writing)
    emitter.stops["seccomp"] += 1
    emitter.report()
    emitter.report()
    emitter.stops["seccomp"] += 1
    emitter.report()
    assert [from_line(line).stops["seccomp"] for line in read_all(reading).splitlines()] == [1, 2]


def test_a_reader_that_is_gone_does_not_end_the_workload(pipe):
    reading, writing = pipe
    os.close(reading)
    emitter = Emitter(writing)
    emitter.emit(Started(t=1.0, pid=1))
    emitter.report(last=True)
