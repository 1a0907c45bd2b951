"""Times for a log that is read again, from nothing but the stamps in its lines.

A recorded log mixes klog stamps (no year, microseconds, local time), logrus and JSON stamps (RFC 3339, often whole
seconds) and lines without any. Several threads write, so stamps step back by milliseconds, and logrus cuts off the
fraction. A :class:`ReplayClock` turns them into seconds since the first stamp that never go back.

What it must not do: look at the real clock.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from runner.core.lines import ParsedLine

# klog has no year; any leap year serves until a line tells the real one.
_ANY_LEAP_YEAR: Final = 2000

_KLOG = re.compile(r"(\d\d)(\d\d) (\d\d):(\d\d):(\d\d\.\d+)")
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d(?:\.\d+)?)(Z|[+-]\d\d:?\d\d)?")


class ReplayClock:
    """Seconds since the first stamp, one line after the other.

    klog lines are read in the time zone of the last RFC 3339 stamp, since one process writes both.
    """

    def __init__(self) -> None:
        self._zone: timezone = UTC
        self._year: int | None = None
        self._first: datetime | None = None
        self._at_s = 0.0

    def at(self, parsed: ParsedLine) -> float:
        """The line's time in seconds; the previous line's where it has no stamp or an earlier one."""
        moment = self._moment(parsed.time_text or "")
        if moment is not None:
            if self._first is None:
                self._first = moment
            self._at_s = max(self._at_s, (moment - self._first).total_seconds())
        return self._at_s

    def _moment(self, stamp: str) -> datetime | None:
        try:
            if (match := _RFC3339.fullmatch(stamp)) is not None:
                return self._rfc3339(match)
            if (match := _KLOG.fullmatch(stamp)) is not None:
                return self._klog(match)
        except ValueError:
            # Looks like a stamp, is none (month 13): as good as no stamp.
            return None
        return None

    def _rfc3339(self, match: re.Match[str]) -> datetime:
        year, month, day, hours, minutes = (int(match[index]) for index in range(1, 6))
        zone = _zone(match[7])
        moment = datetime(year, month, day, hours, minutes, tzinfo=zone) + timedelta(seconds=float(match[6]))
        if self._year is None and self._first is not None:
            # Only klog so far, counted in a year out of the air: the same moment in the year now known.
            self._first = self._first.replace(year=year, tzinfo=zone)
        self._zone, self._year = zone, year
        return moment

    def _klog(self, match: re.Match[str]) -> datetime:
        month, day, hours, minutes = (int(match[index]) for index in range(1, 5))
        seconds = timedelta(seconds=float(match[5]))
        year = self._year or _ANY_LEAP_YEAR
        if self._first is None:
            return datetime(year, month, day, hours, minutes, tzinfo=self._zone) + seconds
        reached = self._first + timedelta(seconds=self._at_s)
        # New Year's Eve: whichever year brings the stamp nearest to where the log is.
        candidates = []
        for candidate in (year - 1, year, year + 1):
            try:
                candidates.append(datetime(candidate, month, day, hours, minutes, tzinfo=self._zone) + seconds)
            except ValueError:
                continue  # 29 February in a common year
        return min(candidates, key=lambda moment: abs(moment - reached))


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
