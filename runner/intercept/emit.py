"""Reports to the runner without ever waiting for it.

A tracer that waits on a full pipe stops every thread of the workload. So a record that does not fit is dropped and
counted; counts by path are kept here and are exact whatever was dropped.
"""

import errno
import os
import select
import time
from collections import Counter

import attrs

from runner.intercept.records import AnyRecord, Observed, Redirected, Report, to_line

# Events for one path after this many are only counted.
EVENTS_PER_PATH = 100
_LAST_WORDS_S = 5.0


@attrs.define
class Emitter:
    """Writes records to a pipe.

    Attributes:
        fd: Write end of the pipe.
        stops: By kind.
        calls: Calls that were looked at, by name.
    """

    fd: int
    stops: Counter[str] = attrs.field(factory=Counter)
    calls: Counter[str] = attrs.field(factory=Counter)
    _redirects: Counter[str] = attrs.field(factory=Counter)
    _observed: Counter[str] = attrs.field(factory=Counter)
    _delayed: int = 0
    _delayed_s: float = 0.0
    _dropped: int = 0
    _rest: bytes = b""
    _began: float = attrs.field(factory=time.monotonic)
    _reported: int = -1

    def __attrs_post_init__(self) -> None:
        """Make sure that writing never waits."""
        os.set_blocking(self.fd, False)
        os.set_inheritable(self.fd, False)  # noqa: FBT003  positional only

    def emit(self, record: AnyRecord) -> None:
        """Write a record, or drop and count it."""
        if not self._flush():
            self._dropped += 1
            return
        self._rest = to_line(record).encode() + b"\n"
        self._flush()  # what does not fit now goes first the next time

    def redirected(self, tid: int, path: str, target: str, syscall: str) -> None:
        """Count a redirect, and report it unless that path was reported often enough."""
        self._redirects[path] += 1
        if self._redirects[path] <= EVENTS_PER_PATH:
            self.emit(Redirected(t=time.time(), pid=tid, path=path, target=target, syscall=syscall))

    def counted(self, path: str, times: int) -> None:
        """Count redirects of a path that was reported often enough."""
        self._redirects[path] += times

    def observed(self, tid: int, path: str, syscall: str) -> None:
        """Count the use of a watched path, and report it unless that path was reported often enough."""
        self._observed[path] += 1
        if self._observed[path] <= EVENTS_PER_PATH:
            self.emit(Observed(t=time.time(), pid=tid, path=path, syscall=syscall))

    def delayed(self, seconds: float) -> None:
        """Count a call that was held back."""
        self._delayed += 1
        self._delayed_s += seconds

    def report(self, *, last: bool = False) -> None:
        """Report totals, if anything happened since the last time; ``last`` waits a little for a full pipe."""
        total = sum(self.stops.values())
        if total == self._reported and not last:
            return
        self._reported = total
        wall_s = time.monotonic() - self._began
        report = Report(
            t=time.time(),
            stops=dict(self.stops),
            calls=dict(self.calls),
            redirects_by_path=dict(self._redirects),
            observed_by_path=dict(self._observed),
            tracer_cpu_s=round(time.process_time(), 6),
            wall_s=round(wall_s, 6),
            stops_per_s=round(total / wall_s, 3) if wall_s else 0.0,
            dropped=self._dropped,
            delayed=self._delayed,
            delayed_s=round(self._delayed_s, 3),
        )
        if last:
            self._drain()
        self.emit(report)
        if last:
            self._drain()

    def _flush(self) -> bool:
        while self._rest:
            try:
                written = os.write(self.fd, self._rest)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                self._rest = b""  # nobody reads any more: the workload goes on all the same
                return False
            self._rest = self._rest[written:]
        return True

    def _drain(self) -> None:
        """Wait until what was begun is written; only for the end, when no tracee is left to be held up."""
        deadline = time.monotonic() + _LAST_WORDS_S
        waiting = select.poll()
        waiting.register(self.fd, select.POLLOUT)
        while not self._flush() and self._rest and time.monotonic() < deadline:
            waiting.poll(100)
