"""Turns pipes and growing files into :class:`LineSeen` events; knows no pattern and judges nothing.

Watching must not slow what is watched, which on two processors it does: each wake-up, read and write of the watcher is
processor time that the workload does not get. A start-up prints its lines in bursts, so what comes through a pipe is
taken in batches: one read, one stamp and one record for all lines of a moment. ``at_s`` is when the batch was read,
at most :data:`GATHER_S` after the line was written, more only on a busy machine; of a file's lines, :data:`FILE_POLL_S`.
(Each line alone, as it came, was tried: the 700 of a k3s start took 600 reads and 800 writes, where 200 of each will do.)
"""

import os
from collections import Counter
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from typing import Protocol

import trio

from runner.core.lines import Line, LineSplitter
from runner.host.clock import RunClock
from runner.model.events import AnyEvent, LineSeen
from runner.model.tagged import untag

# From the first byte until the batch is read. A pipe holds 64 KiB: who writes more than 2.6 MB/s waits for us.
GATHER_S = 0.025
_CHUNK_BYTES = 2**16
# A growing file has no event that gVisor and Linux both give for it; containerd's log is looked at this often.
FILE_POLL_S = 0.25


class Send(Protocol):
    """Where watchers send what they see."""

    async def __call__(self, *events: AnyEvent) -> None:
        """Take events, in order; several of one call are a batch, which is recorded by one write."""


class LineNumberer:
    """Splits one source's bytes and numbers its lines from 1.

    Args:
        source: Name of the log.
        clock: The run's clock.
        send: Where events go.
        tagged: Lines may bear a component's name, which then is their source; each source is numbered by itself.
    """

    def __init__(self, source: str, clock: RunClock, send: Send, *, tagged: bool = False) -> None:
        self._source = source
        self._clock = clock
        self._send = send
        self._tagged = tagged
        self._splitter = LineSplitter()
        self._line_no: Counter[str] = Counter()

    async def feed(self, chunk: bytes) -> None:
        """Send an event for each line that ``chunk`` completes, all at once."""
        await self._emit(self._splitter.feed(chunk))

    async def close(self) -> None:
        """Send what is left without a newline."""
        await self._emit(self._splitter.close())

    async def _emit(self, lines: list[Line]) -> None:
        if lines:
            at_s = self._clock.now_s()
            await self._send(*[self._event(line, at_s) for line in lines])

    def _event(self, line: Line, at_s: float) -> LineSeen:
        component, text = untag(line.text) if self._tagged else ("", line.text)
        source = component or self._source
        self._line_no[source] += 1
        return LineSeen(at_s=at_s, source=source, line_no=self._line_no[source], text=text, truncated=line.truncated)


async def watch_pipe(fd: int, lines: LineNumberer) -> None:
    """Read a pipe until its end, and close it."""
    with os.fdopen(fd, "rb", buffering=0) as pipe:
        while True:
            await trio.lowlevel.wait_readable(fd)
            await trio.sleep(GATHER_S)
            if not (chunk := pipe.read(_CHUNK_BYTES)):
                break
            await lines.feed(chunk)
    await lines.close()


async def watch_file(path: Path, lines: LineNumberer, stop: trio.Event) -> None:
    """Follow a file that may not exist yet and only grows, until ``stop`` is set; then read what is left."""
    with ExitStack() as opened:
        file: FileIO | None = None
        while True:
            # Local files of a few kilobytes: reading them here costs less than a thread would.
            stopping = stop.is_set()
            if file is None:
                with suppress(OSError):
                    file = opened.enter_context(path.open("rb", buffering=0))
            while file is not None and (chunk := file.read(_CHUNK_BYTES)):
                await lines.feed(chunk)
            if stopping:
                break
            with trio.move_on_after(FILE_POLL_S):
                await stop.wait()
    await lines.close()
