"""Bytes become complete lines, and lines become records.

The problem: a workload writes klog, logrus, JSON and an interceptor's own lines into one pipe, in pieces that end
anywhere, with binary rubbish, without final newline, and now and then with a line of many megabytes. Nothing of that
may stop the watching or fill the memory.

The idea: :class:`LineSplitter` has no stream in it, it is fed and answers; :func:`parse_line` recognises a format by
its first characters and gives up early. A line of no known format is ``plain``: never an error, never dropped.

What this module must not do: read anything, look at a clock, or judge what a line means (``blockers``, ``milestones``).
"""

import json
import re
from typing import Any, Final, Literal

import attrs

from runner.core.components import component_of_file

Level = Literal["debug", "info", "warning", "error", "fatal", "panic"]
Format = Literal["klog", "logrus", "json", "ptrace", "plain"]

MAX_LINE_BYTES: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class Line:
    r"""One complete line, without its end.

    Attributes:
        text: Decoded; bytes that are no UTF-8 appear as ``\xNN``, NUL bytes stay.
        truncated: The line was longer than the splitter keeps.
        dropped_bytes: How many bytes are missing at its end.
    """

    text: str
    truncated: bool = False
    dropped_bytes: int = 0


class LineSplitter:
    """Turns chunks of bytes into lines; the lines do not depend on where the chunks end.

    Args:
        max_bytes: What is kept of one line; the rest is counted only, so that memory stays bounded.
    """

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"LineSplitter: max_bytes is {max_bytes}; at least 1 byte of a line must be kept")
        self._max = max_bytes
        self._kept = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """Lines that this chunk completes, in order; what follows the last newline is kept for later."""
        pieces = chunk.split(b"\n")
        lines = []
        for piece in pieces[:-1]:
            self._add(piece)
            lines.append(self._take())
        self._add(pieces[-1])
        return lines

    def close(self) -> list[Line]:
        """The last line if it came without a newline, else nothing; afterwards the splitter is as new."""
        return [self._take()] if self._kept or self._dropped else []

    def _add(self, piece: bytes) -> None:
        # One byte more than the limit is kept: only then is it known whether a final '\r' belongs to the line's end.
        room = self._max + 1 - len(self._kept)
        self._kept += piece[:room]
        self._dropped += max(0, len(piece) - room)

    def _take(self) -> Line:
        kept, dropped = bytes(self._kept), self._dropped
        self._kept.clear()
        self._dropped = 0
        if not dropped and kept.endswith(b"\r"):
            kept = kept[:-1]
        if len(kept) > self._max:
            dropped += len(kept) - self._max
            kept = kept[: self._max]
        return Line(text=kept.decode(errors="backslashreplace"), truncated=bool(dropped), dropped_bytes=dropped)


@attrs.frozen(kw_only=True)
class ParsedLine:
    """What a line says about itself.

    Attributes:
        text: The whole line as it came.
        format: Whose convention it follows; ``plain`` is everything else, also continuation lines and Go panics.
        time_text: The stamp as written: klog ``1123 14:15:47.018073`` (no year), else RFC 3339.
        level: None where the line carries none.
        component: Best guess who speaks, None where the line does not tell.
        message: Without stamp and level, unescaped.
        fields: What follows a logrus message, as written: ``error="..." url=...``.
    """

    text: str
    format: Format = "plain"
    time_text: str | None = None
    level: Level | None = None
    component: str | None = None
    message: str
    fields: str = ""


_KLOG = re.compile(r"([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d{6})(?: +\d+)? ([^\s:\]]+):\d+\] ?(.*)", re.DOTALL)
# The stamp's quotes and the order time, level, msg are logrus' own; a message without blanks comes unquoted. A quoted
# one may lack its end when the line was cut.
_LOGRUS = re.compile(
    r'time="?([^" ]+)"? level=([a-z]+) msg=(?:"([^"\\]*(?:\\.[^"\\]*)*)"?|(\S*)) ?(.*)',
    re.DOTALL,
)
_PTRACE = re.compile(r"\[PTRACE:\d+\] (.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([0-7]{3})|(.))", re.DOTALL)
_NAMED_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_KLOG_LEVELS: Final[dict[str, Level]] = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_LEVEL_WORDS: Final[dict[str, Level]] = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "dpanic": "panic",
    "fatal": "fatal",
    "panic": "panic",
}


def parse_line(text: str) -> ParsedLine:
    """Take one line apart; never fails, whatever the line."""
    first = text[:1]
    parsed: ParsedLine | None = None
    if first in {"I", "W", "E", "F"}:
        parsed = _parse_klog(text)
    elif first == "t":
        parsed = _parse_logrus(text)
    elif first == "{":
        parsed = _parse_json(text)
    elif first == "[" and (match := _PTRACE.match(text)):
        parsed = ParsedLine(text=text, format="ptrace", component="interceptor", message=match[1])
    elif text.startswith("panic: "):
        parsed = ParsedLine(text=text, level="panic", message=text.removeprefix("panic: "))
    elif text.startswith("fatal error: "):
        # The Go runtime's own end; unlike a panic it cannot be recovered.
        parsed = ParsedLine(text=text, level="fatal", message=text.removeprefix("fatal error: "))
    return parsed or ParsedLine(text=text, message=text)


def _parse_klog(text: str) -> ParsedLine | None:
    match = _KLOG.match(text)
    if match is None:
        return None
    severity, stamp, file, message = match.groups()
    return ParsedLine(
        text=text,
        format="klog",
        time_text=stamp,
        level=_KLOG_LEVELS[severity],
        component=component_of_file(file),
        message=message,
    )


def _parse_logrus(text: str) -> ParsedLine | None:
    match = _LOGRUS.match(text)
    if match is None:
        return None
    stamp, level, quoted, bare, fields = match.groups()
    return ParsedLine(
        text=text,
        format="logrus",
        time_text=stamp,
        level=_LEVEL_WORDS.get(level),
        message=bare if quoted is None else unescape(quoted),
        fields=fields,
    )


def _parse_json(text: str) -> ParsedLine | None:
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    # zap's names (etcd, containerd's events), else those that kine gives logrus: message, severity, time.
    if not isinstance(document, dict) or not ({"msg", "message"} & document.keys()):
        return None
    stamp, error = document.get("ts", document.get("time")), document.get("error")
    logger = document.get("logger")
    message = str(document.get("msg", document.get("message")))
    return ParsedLine(
        text=text,
        format="json",
        time_text=stamp if isinstance(stamp, str) else None,
        level=_LEVEL_WORDS.get(str(document.get("level", document.get("severity")))),
        component=logger if isinstance(logger, str) else None,
        message=f"{message}: {error}" if error else message,
    )


def unescape(quoted: str) -> str:
    """Undo Go's ``%q`` (logrus quotes with it); what is no known escape stays as it is."""
    return _ESCAPE.sub(_unescape_one, quoted) if "\\" in quoted else quoted


def _unescape_one(match: re.Match[str]) -> str:
    hexadecimal, unicode, octal, other = match.groups()
    if hexadecimal or unicode:
        return chr(int(hexadecimal or unicode, 16))
    if octal:
        return chr(int(octal, 8))
    if other in {'"', "\\"}:
        return str(other)
    return _NAMED_ESCAPES.get(other, match[0])
