"""Byte streams become numbered lines, each under its source."""

import os
from pathlib import Path

import pytest
import trio

from runner.host.clock import RunClock
from runner.host.watch import LineNumberer, watch_file, watch_pipe
from runner.model.events import AnyEvent, LineSeen
from runner.model.tagged import tag


class Collected:
    """Takes events."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, str]] = []

        self.batches: list[list[str]] = []

    async def send(self, *events: AnyEvent) -> None:
        for event in events:
            assert isinstance(event, LineSeen)
            self.lines.append((event.source, event.line_no, event.text))
        self.batches.append([text for _, _, text in self.lines[-len(events) :]])


@pytest.mark.trio
async def test_each_component_is_a_source_with_numbers_of_its_own() -> None:
    collected = Collected()
    numberer = LineNumberer("workload", RunClock(0.0), collected.send, tagged=True)
    text = "\n".join(["Running kubelet", tag("kubelet", "one"), tag("kine", "one"), tag("kubelet", "two"), "end"])
    for char in text:
        await numberer.feed(char.encode())
    await numberer.close()
    assert collected.lines == [
        ("workload", 1, "Running kubelet"),
        ("kubelet", 1, "one"),
        ("kine", 1, "one"),
        ("kubelet", 2, "two"),
        ("workload", 2, "end"),
    ]


@pytest.mark.trio
async def test_a_workload_of_one_process_keeps_its_brackets() -> None:
    collected = Collected()
    numberer = LineNumberer("workload", RunClock(0.0), collected.send)
    await numberer.feed(b"[kubelet] one\n")
    assert collected.lines == [("workload", 1, "[kubelet] one")]


@pytest.mark.trio
async def test_a_pipes_lines_of_one_moment_are_sent_as_one_batch_and_the_last_without_newline_too() -> None:
    collected = Collected()
    read, write = os.pipe()
    for written in (b"one\n", b"two\nth", b"ree"):
        os.write(write, written)
    os.close(write)
    with trio.fail_after(20):
        await watch_pipe(read, LineNumberer("workload", RunClock(0.0), collected.send))
    assert collected.batches == [["one", "two"], ["three"]]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)


@pytest.mark.trio
async def test_a_file_that_comes_later_is_read_to_its_end_when_told_to_stop(tmp_path: Path) -> None:
    collected, stop, path = Collected(), trio.Event(), tmp_path / "log"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_file, path, LineNumberer("containerd", RunClock(0.0), collected.send), stop)
        await trio.testing.wait_all_tasks_blocked()
        path.write_bytes(b"one\ntwo without an end")
        stop.set()
    assert collected.lines == [("containerd", 1, "one"), ("containerd", 2, "two without an end")]
