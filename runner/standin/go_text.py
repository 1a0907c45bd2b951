"""Go's ways of writing values: errors, quoted strings, durations, times.

The lines of k3s are recognised by their text, and that text comes from Go's formatting. Python's differs in small
ways ("No such file or directory" against "no such file or directory"), each enough to make a pattern miss. This
module must not know anything of k3s.
"""

import errno
import os
import time

_NANOSECONDS = 1_000_000_000
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
# Where Go's table of error texts (Linux) differs from the C library's by more than the case of its first letter.
_GO_ERRNO = {errno.EOPNOTSUPP: "operation not supported", errno.ENOTSUP: "operation not supported"}


def errno_text(number: int) -> str:
    """The text of an errno as Go's syscall package writes it."""
    text = _GO_ERRNO.get(number) or os.strerror(number)
    return text[:1].lower() + text[1:]


def path_error(operation: str, path: str, error: OSError) -> str:
    """Go's os.PathError: what was tried, on which path, and why it failed."""
    return f"{operation} {path}: {errno_text(error.errno or 0)}"


def quote(text: str) -> str:
    """A string as Go's strconv.Quote writes it, in double quotes."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x80:  # noqa: PLR2004  the end of ASCII: above it Go writes \u
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}")  # noqa: PLR2004  BMP
    return '"' + "".join(out) + '"'


def duration(nanoseconds: int) -> str:
    """A span of time as Go's time.Duration writes it: 1.454527087s, 80.5ms, 1m2s."""
    if nanoseconds == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < size * 1000:
            return _decimal(nanoseconds, size) + unit
    minutes, rest = divmod(nanoseconds, 60 * _NANOSECONDS)
    hours, minutes = divmod(minutes, 60)
    prefix = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return prefix + _decimal(rest, _NANOSECONDS) + "s"


def utc_time(nanoseconds: int, monotonic: int) -> str:
    """A wall clock time as Go's time.Time writes it, with the monotonic reading (both in ns) behind it."""
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    return f"{stamp}{fraction} +0000 UTC m=+{monotonic // _NANOSECONDS}.{monotonic % _NANOSECONDS:09d}"


def _decimal(value: int, unit: int) -> str:
    """Value / unit, without trailing zeros and without floating point."""
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")
