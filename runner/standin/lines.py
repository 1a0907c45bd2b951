"""The three forms of line k3s writes: logrus (k3s itself), klog (Kubernetes), JSON (the etcd client).

All go to standard error through one Printer, one write per line, so that lines of different threads never mix. This
module knows forms only: which line is printed when is the components' business.
"""

import json
import os
import re
import threading
import time
from typing import Literal

from runner.standin import go_text

Level = Literal["info", "warning", "error", "fatal"]
Severity = Literal["I", "W", "E", "F"]
Value = str | int | bool

_LOGRUS_BARE = re.compile(r"[A-Za-z0-9\-._/@^+]+")
_STDERR = 2


def logrus(level: Level, message: str, fields: dict[str, str] | None = None, *, now_ns: int) -> str:
    """One line of k3s's own logger; fields are already formatted values, in the order given."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ns // 1_000_000_000))
    extra = "".join(f" {key}={_logrus_value(value)}" for key, value in (fields or {}).items())
    return f'time="{stamp}" level={level} msg={_logrus_value(message)}{extra}'


def klog(severity: Severity, site: str, text: str, *, now_ns: int, pid: int) -> str:
    """One klog line; site is file.go:NN as in Kubernetes v1.34.1."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    stamp = time.strftime("%m%d %H:%M:%S", time.gmtime(seconds))
    return f"{severity}{stamp}.{rest // 1000:06d} {pid:7d} {site}] {text}"


def klog_structured(message: str, fields: dict[str, Value]) -> str:
    """The text of klog's structured form: a quoted message and key="value" pairs, long values indented."""
    return go_text.quote(message) + "".join(f" {key}={_klog_value(value)}" for key, value in fields.items())


def etcd_json(level: str, message: str, fields: dict[str, Value], *, now_ns: int) -> str:
    """One line of the etcd client's JSON logger (zap)."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"
    head = {"level": level, "ts": stamp, "logger": "etcd-client", "caller": "v3@v3.6.5-k3s1/retry_interceptor.go:65"}
    return json.dumps({**head, "msg": message, **fields}, separators=(",", ":"), ensure_ascii=False)


class Printer:
    """Writes lines to a file descriptor, each with one write call; safe to use from every thread."""

    def __init__(self, fd: int = _STDERR) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def plain(self, text: str) -> None:
        """Text as it is, with a newline: usage, Go's panic, cobra's errors."""
        data = (text + "\n").encode("utf-8", "replace")
        with self._lock:
            while data:  # a pipe may take part of a long text
                data = data[os.write(self._fd, data) :]

    def info(self, message: str, **fields: str) -> None:
        """A logrus line, level info."""
        self.plain(logrus("info", message, fields, now_ns=time.time_ns()))

    def warning(self, message: str, **fields: str) -> None:
        """A logrus line, level warning."""
        self.plain(logrus("warning", message, fields, now_ns=time.time_ns()))

    def error(self, message: str, **fields: str) -> None:
        """A logrus line, level error."""
        self.plain(logrus("error", message, fields, now_ns=time.time_ns()))

    def fatal(self, message: str) -> None:
        """A logrus line, level fatal; unlike in Go, ending the process is left to the caller."""
        self.plain(logrus("fatal", message, now_ns=time.time_ns()))

    def klog(self, severity: Severity, site: str, text: str) -> str:
        """An unstructured klog line; returns it, because Go's panic repeats it."""
        line = klog(severity, site, text, now_ns=time.time_ns(), pid=self._pid)
        self.plain(line)
        return line

    def klogs(self, severity: Severity, site: str, message: str, **fields: Value) -> None:
        """A structured klog line."""
        self.klog(severity, site, klog_structured(message, fields))

    def etcd_client(self, level: str, message: str, **fields: Value) -> None:
        """A line of the etcd client."""
        self.plain(etcd_json(level, message, fields, now_ns=time.time_ns()))


def _logrus_value(text: str) -> str:
    return text if _LOGRUS_BARE.fullmatch(text) else go_text.quote(text)


def _klog_value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if "\n" not in value:
        return go_text.quote(value)
    indented = "".join(f"\t{line}\n" for line in value.removesuffix("\n").split("\n"))
    return f"<\n{indented} >"
