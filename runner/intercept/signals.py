"""The launcher's own signals. Handlers only set flags: one that raised could lose a wait status that was just taken.

A signal that comes just before the wait begins is seen at the next stop or alarm, so at most :data:`REPORT_EVERY_S` later.
"""

import signal
from types import FrameType

REPORT_EVERY_S = 1.0
# While calls are held back, alarms repeat this fast, in case one comes just before the wait begins.
_HELD_EVERY_S = 0.005


class OwnSignals:
    """Flags.

    ``stop`` is the number of the signal that ends the run, 0 before; ``alarm`` is set by the timer; ``requested`` is set for
    good by SIGUSR1: delays that wait for it hold from then on.
    """

    def __init__(self) -> None:
        self.stop = 0
        self.alarm = False
        self.requested = False

    def install(self) -> None:
        """Take over SIGTERM, SIGINT, SIGHUP, SIGUSR1 and the alarm."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._alarm)
        signal.signal(signal.SIGUSR1, self._request)
        self.wake_in(None)

    def wake_in(self, delay_s: float | None) -> None:
        """Wake the wait after ``delay_s``, or None for the ordinary rhythm of reports."""
        if delay_s is None:
            signal.setitimer(signal.ITIMER_REAL, REPORT_EVERY_S, REPORT_EVERY_S)
        else:
            signal.setitimer(signal.ITIMER_REAL, delay_s, _HELD_EVERY_S)

    def end_alarms(self) -> None:
        """No more alarms: Python gives handlers back before it exits, and an alarm then would kill it."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop = number

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        self.alarm = True
