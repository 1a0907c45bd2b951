"""One clock for a run: seconds since the user's command began, the same inside and outside of the sandbox."""

import datetime as dt
import time


def utc(wall: float) -> str:
    """A time.time() as results write it: ``2026-11-23T14:15:35Z``."""
    return dt.datetime.fromtimestamp(wall, dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class RunClock:
    """Counts from ``began``, a wall-clock time of the outside; steps of the wall clock during a run do not disturb it."""

    def __init__(self, began: float) -> None:
        self._offset = time.time() - began - time.monotonic()

    def now_s(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() + self._offset, 4)

    def of_wall_clock(self, wall: float) -> float:
        """Seconds since the run began, of a time.time() taken by another process in the same arena."""
        return round(wall - time.time() + time.monotonic() + self._offset, 4)
