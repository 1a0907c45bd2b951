"""What the launcher reports: one JSON object a line, on a pipe that never blocks it.

``t`` is ``time.time()`` of the launcher when it saw the thing. Kinds are told apart by ``event``. The order is: ``probed``
(tracing mechanisms only), ``started``, then anything, then ``exited`` and last of all a ``report``; ``failed`` stands in for
``started`` when the workload could not be started. The end of the stream is the end of the launcher.
"""

import json
from typing import Any

import attrs


class RecordError(ValueError):
    """A line is no record."""


@attrs.frozen(kw_only=True)
class Record:
    """Something that the launcher reports; only the kinds below are ever used."""

    t: float


@attrs.frozen(kw_only=True)
class Started(Record):
    """The workload's program runs (its ``execve`` succeeded)."""

    pid: int


@attrs.frozen(kw_only=True)
class Probed(Record):
    """What the kernel below can do, found by trying: see :mod:`runner.intercept.probe` for the keys."""

    facts: dict[str, str]


@attrs.frozen(kw_only=True)
class Redirected(Record):
    """One access went elsewhere.

    Attributes:
        pid: The calling thread.
        path: What it meant, absolute and normalised, whatever the spelling.
        target: Where it went.
        syscall: Name of the call.
    """

    pid: int
    path: str
    target: str
    syscall: str


@attrs.frozen(kw_only=True)
class Observed(Record):
    """A watched path was used, and nothing was changed."""

    pid: int
    path: str
    syscall: str


@attrs.frozen(kw_only=True)
class Report(Record):
    """Totals so far.

    Attributes:
        stops: Stops of tracees by kind: seccomp, syscall, signal, group, event, exec, exit.
        calls: Calls that were looked at, by name: what the stops of kind seccomp (or syscall, at entries) were about.
        redirects_by_path: Exact counts, also of redirects whose events were left out.
        observed_by_path: The same for watched paths.
        tracer_cpu_s: Processor seconds of the launcher itself.
        wall_s: Seconds since the workload was started.
        stops_per_s: All stops over ``wall_s``.
        dropped: Events that found the pipe full.
        delayed: Calls that a delay held back.
        delayed_s: For how long, all together.
    """

    stops: dict[str, int]
    calls: dict[str, int]
    redirects_by_path: dict[str, int]
    observed_by_path: dict[str, int]
    tracer_cpu_s: float
    wall_s: float
    stops_per_s: float
    dropped: int
    delayed: int
    delayed_s: float


@attrs.frozen(kw_only=True)
class Exited(Record):
    """The workload's first process ended: ``code``, or ``signal`` when one killed it."""

    code: int | None
    signal: int | None


@attrs.frozen(kw_only=True)
class Failed(Record):
    """The launcher could not start or go on; ``what`` says why and what to do."""

    what: str


AnyRecord = Started | Probed | Redirected | Observed | Report | Exited | Failed

_KINDS: dict[str, type[AnyRecord]] = {
    kind.__name__.lower(): kind for kind in (Started, Probed, Redirected, Observed, Report, Exited, Failed)
}


def to_line(record: AnyRecord) -> str:
    """One record as one line of JSON, without the newline."""
    fields = {field.name: getattr(record, field.name) for field in attrs.fields(type(record))}
    return json.dumps({"event": type(record).__name__.lower(), **fields}, separators=(",", ":"))


def from_line(line: str | bytes) -> AnyRecord:
    """The record of one line.

    Raises:
        RecordError: It is none.
    """
    try:
        document: Any = json.loads(line)
        kind = _KINDS[document.pop("event")]
        return kind(**document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"no record of the launcher: {line[:200]!r} ({type(error).__name__}: {error})") from error
