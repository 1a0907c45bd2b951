"""Turns byte streams and growing files into :class:`LineSeen` events; knows no pattern and judges nothing."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from runner.core.lines import Line, LineSplitter
from runner.host.clock import RunClock
from runner.model.events import AnyEvent, LineSeen
from runner.model.tagged import untag

Send = Callable[[AnyEvent], Awaitable[None]]

# A growing file has no event that gVisor and Linux both give for it; containerd's log is looked at this often.
FILE_POLL_S = 0.25


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
        """Send an event for each line that ``chunk`` completes."""
        await self._emit(self._splitter.feed(chunk))

    async def close(self) -> None:
        """Send what is left without a newline."""
        await self._emit(self._splitter.close())

    async def _emit(self, lines: list[Line]) -> None:
        for line in lines:
            component, text = untag(line.text) if self._tagged else ("", line.text)
            source = component or self._source
            self._line_no[source] += 1
            await self._send(
                LineSeen(
                    at_s=self._clock.now_s(),
                    source=source,
                    line_no=self._line_no[source],
                    text=text,
                    truncated=line.truncated,
                )
            )


async def watch_stream(stream: trio.abc.ReceiveStream, lines: LineNumberer) -> None:
    """Read a pipe until its end."""
    async with stream:
        async for chunk in stream:
            await lines.feed(bytes(chunk))
    await lines.close()


async def watch_file(path: Path, lines: LineNumberer, stop: trio.Event) -> None:
    """Follow a file that may not exist yet, until ``stop`` is set; then read what is left."""
    offset = 0
    while True:
        # Local files of a few kilobytes: reading them here costs less than a thread would.
        stopping = stop.is_set()
        try:
            size = path.stat().st_size  # noqa: ASYNC240
        except OSError:
            size = 0
        if size > offset:
            with path.open("rb") as file:
                file.seek(offset)
                chunk = file.read()
            offset += len(chunk)
            await lines.feed(chunk)
        if stopping:
            await lines.close()
            return
        with trio.move_on_after(FILE_POLL_S):
            await stop.wait()
