"""What kine says of slow statements, as numbers: how many, the longest, all together.

Only statements of a second and more are printed (kine's own limit), so the sum is a lower bound of the time spent.
"""

import re

import attrs

_REPORT = re.compile(
    r"Slow SQL ?\([^)]*\) \(total time: (?P<older>[0-9a-zµ.]+)\)|Slow SQL \(total time: (?P<old>[0-9a-zµ.]+)\)"
)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|µs|us|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def go_duration_s(text: str) -> float | None:
    """Seconds of a duration as Go prints it (``1m31.5s``, ``250ms``); None when it is none."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


@attrs.frozen
class SlowSql:
    """Slow statements so far: how many, the longest one and all of them in seconds."""

    count: int = 0
    longest_s: float = 0.0
    total_s: float = 0.0

    def see(self, text: str) -> "SlowSql":
        """With one more line of a log taken into account."""
        match = _REPORT.search(text)
        taken_s = go_duration_s(match["older"] or match["old"]) if match else None
        if taken_s is None:
            return self
        return SlowSql(self.count + 1, max(self.longest_s, taken_s), self.total_s + taken_s)
