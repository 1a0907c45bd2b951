"""What a run sees (past tense) and what the judge asks for (imperative).

``at_s`` is always seconds since the run began, stamped where the event was seen. Events are the evidence: a result can
be made again from a recorded list of them.
"""

from typing import Literal

import attrs

from runner.model.fault import Kill, Pause, SlowDisk
from runner.model.kinds import EndReason, Milestone

StepOutcome = Literal["applied", "already-there", "failed", "skipped", "undone", "undo-failed"]


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened; only the kinds below are ever used."""

    at_s: float


@attrs.frozen(kw_only=True)
class StepDone(Event):
    """A step (or view part, or fault) was applied, skipped, undone, or failed at it.

    Attributes:
        verified: What was looked at to see that the step took effect; empty when nothing could be looked at.
    """

    id: str
    kind: str
    outcome: StepOutcome
    reason: str
    verified: str = ""


@attrs.frozen(kw_only=True)
class ArenaReady(Event):
    """The inside of the arena answered; ``facts`` are what its probes found."""

    facts: dict[str, str]


@attrs.frozen(kw_only=True)
class WorkloadStarted(Event):
    """The workload's first process runs."""

    pid: int
    command: tuple[str, ...]


@attrs.frozen(kw_only=True)
class LineSeen(Event):
    """One line of a log.

    Attributes:
        source: ``workload``, ``containerd`` or ``launcher``: also the raw log's file name without ``.log``.
        line_no: Counted from 1 per source.
        truncated: The line was longer than the reader keeps.
    """

    source: str
    line_no: int
    text: str
    truncated: bool = False


@attrs.frozen(kw_only=True)
class PathRedirected(Event):
    """An interceptor sent one access somewhere else."""

    pid: int
    path: str
    target: str
    syscall: str


@attrs.frozen(kw_only=True)
class PathUsed(Event):
    """A program used a path that a step put in place (seen, not changed)."""

    pid: int
    path: str
    how: str


@attrs.frozen(kw_only=True)
class InterceptionCounted(Event):
    """Totals so far; the last one of a run is the result's.

    Attributes:
        stops: Stops of tracees by kind.
        calls: System calls that the interceptor looked at, by name.
        redirects_by_path: Exact counts, also of redirects whose events were dropped.
        tracer_cpu_s: Processor seconds of the tracer process.
        events_dropped: Events that found the pipe full.
        delayed: Calls that a fault held back.
        delayed_s: For how long, all together, in seconds.
    """

    stops: dict[str, int]
    calls: dict[str, int] = attrs.field(factory=dict)
    redirects_by_path: dict[str, int]
    tracer_cpu_s: float
    events_dropped: int = 0
    delayed: int = 0
    delayed_s: float = 0.0


@attrs.frozen(kw_only=True)
class WitnessSeen(Event):
    """Something other than a log confirmed a milestone, e.g. the API server's own answer."""

    milestone: Milestone | None
    witness: str
    requests: int


@attrs.frozen(kw_only=True)
class PodAnswered(Event):
    """A pod was asked, by ``kubectl logs`` or ``kubectl exec``, what an assertion claims.

    Attributes:
        assertion: Its id.
        matched: Whether the answer is the claimed one.
        text: The answer's end, or why there is none.
    """

    assertion: str
    matched: bool
    text: str


@attrs.frozen(kw_only=True)
class WorkloadExited(Event):
    """The workload's first process ended: ``code``, or ``signal`` when killed by one."""

    code: int | None
    signal: int | None


@attrs.frozen(kw_only=True)
class HoldPassed(Event):
    """The time that the workload had to stay up after the target is over."""


@attrs.frozen(kw_only=True)
class DeadlinePassed(Event):
    """The run's time is over."""


@attrs.frozen(kw_only=True)
class Interrupted(Event):
    """Somebody asked the run to stop."""

    by: str


@attrs.frozen(kw_only=True)
class HarnessFailed(Event):
    """The runner itself, a probe or a step broke; never used for what the workload does."""

    what: str


@attrs.frozen(kw_only=True)
class RunFinished(Event):
    """Nothing follows: everything was stopped and undone.

    Attributes:
        cpu_s: Processor seconds of the workload and all its children, None where not measured.
        peak_rss_mib: Largest sum of their resident sets in MiB, seen once a second; None where not measured.
    """

    cpu_s: float | None = None
    peak_rss_mib: float | None = None


AnyEvent = (
    StepDone
    | ArenaReady
    | WorkloadStarted
    | LineSeen
    | PathRedirected
    | PathUsed
    | InterceptionCounted
    | WitnessSeen
    | PodAnswered
    | WorkloadExited
    | HoldPassed
    | DeadlinePassed
    | Interrupted
    | HarnessFailed
    | RunFinished
)


@attrs.frozen(kw_only=True)
class StartHold:
    """Wait ``for_s`` seconds, then report :class:`HoldPassed`."""

    for_s: float


@attrs.frozen(kw_only=True)
class StopRun:
    """Stop the workload and finish."""

    reason: EndReason
    detail: str


@attrs.frozen(kw_only=True)
class Disturb:
    """The fault's line came: carry it out, and report it as :class:`StepDone`."""

    fault: SlowDisk | Pause | Kill


AnyCommand = StartHold | StopRun | Disturb
