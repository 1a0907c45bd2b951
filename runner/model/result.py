"""What a run leaves: the document ``result.json``. Key names are a contract; see ``docs/result.md``."""

import attrs

from runner.model.events import StepOutcome
from runner.model.experiment import Expected
from runner.model.kinds import ArenaKind, EndReason, Mechanism, Verdict, WorkloadKind

SCHEMA_VERSION = 1


@attrs.frozen(kw_only=True)
class ExperimentRef:
    """Which experiment was run."""

    number: int
    slug: str
    question: str


@attrs.frozen(kw_only=True)
class WorkloadInfo:
    """What was started; ``sha256`` is of the binary, empty where there is no single one."""

    kind: WorkloadKind
    version: str
    sha256: str
    command: tuple[str, ...]
    chosen_because: str = ""


@attrs.frozen(kw_only=True)
class ArenaInfo:
    """Where it ran; what does not apply is empty."""

    kind: ArenaKind
    runsc_version: str = ""
    kernel: str = ""
    platform: str = ""
    root_filesystem: str = ""
    fault: str = ""


@attrs.frozen(kw_only=True)
class Interception:
    """What the mechanism did. ``stops`` is the total, ``calls`` what the interceptor looked at; times in seconds."""

    mechanism: Mechanism
    stops: int = 0
    stops_by_kind: dict[str, int] = attrs.field(factory=dict)
    calls: dict[str, int] = attrs.field(factory=dict)
    stops_per_s: float = 0.0
    redirects: int = 0
    redirects_by_path: dict[str, int] = attrs.field(factory=dict)
    tracer_cpu_s: float = 0.0
    events_dropped: int = 0


@attrs.frozen(kw_only=True)
class StepResult:
    """What became of one step or view part."""

    id: str
    kind: str
    outcome: StepOutcome
    reason: str
    verified: str = ""
    hits: int = 0


@attrs.frozen(kw_only=True)
class MilestoneResult:
    """A rung of the ladder; ``at_s`` counts from the beginning of the run, None when not reached."""

    id: str
    reached: bool
    at_s: float | None
    witness: str


@attrs.frozen(kw_only=True)
class BlockerResult:
    """A recognised cause of failure, or one that an assertion shows to be overcome.

    One that was overcome has ``count`` 0, ``resolved_by`` naming the steps, and the assertion's ``evidence``.
    """

    id: str
    component: str
    fatal: bool
    first_seen_s: float | None
    count: int
    source: str
    line_no: int
    line: str
    advice: str
    resolved_by: str | None
    evidence: str = ""


@attrs.frozen(kw_only=True)
class AssertionResult:
    """One claim judged; ``evidence`` is the sentence that the verdict rests on."""

    id: str
    claim: str
    verdict: Verdict
    evidence: str


@attrs.frozen(kw_only=True)
class EndedBy:
    """Why the run ended; ``reason`` is None only while it is still going on."""

    reason: EndReason | None
    detail: str


@attrs.frozen(kw_only=True)
class RunResult:
    """The whole document."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    started_at: str
    finished_at: str | None
    duration_s: float
    state: str
    experiment: ExperimentRef
    workload: WorkloadInfo
    arena: ArenaInfo
    interception: Interception
    steps: tuple[StepResult, ...]
    milestones: tuple[MilestoneResult, ...]
    blockers: tuple[BlockerResult, ...]
    assertions: tuple[AssertionResult, ...]
    verdict: Verdict
    expected: Expected
    as_expected: bool
    differences: tuple[str, ...]
    metrics: dict[str, float] = attrs.field(factory=dict)
    ended_by: EndedBy
    environment: dict[str, str]
