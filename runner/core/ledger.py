"""What is known of a run so far: the judge writes it, verdicts and results are read off it.

It holds facts only. No decision is made here, and nothing in it comes from anywhere but the events.
"""

import attrs

from runner.core.blockers import BlockerRule
from runner.core.hook_timeline import HookTimeline
from runner.core.milestones import BEYOND, MILESTONES
from runner.core.slow_sql import SlowSql
from runner.model.events import InterceptionCounted, PodAnswered, StepDone
from runner.model.kinds import Milestone
from runner.model.result import EndedBy


@attrs.frozen(kw_only=True)
class Sighting:
    """Where something was first seen: seconds since the run began, raw log and line (0 and empty when not a line)."""

    at_s: float
    source: str
    line_no: int
    text: str

    @property
    def place(self) -> str:
        """``workload.log:123``, or just the source when it is no log line."""
        return f"{self.source}.log:{self.line_no}" if self.line_no else self.source


@attrs.define(kw_only=True)
class BlockerSeen:
    """One recognised blocker: its rule, first sighting and how often it was seen."""

    rule: BlockerRule
    first: Sighting
    count: int = 1


@attrs.define(kw_only=True)
class Ledger:
    """The facts of one run.

    Attributes:
        steps: Last report of each step or view part, by id, in order of first report.
        milestones: First sighting by milestone.
        confirmed: What besides a log confirmed a milestone, by milestone.
        blockers: By id, in order of first sighting.
        present: First sighting of each wanted pattern, by assertion id.
        flag_echoes: Flags seen on a component's command line in the log, by step id.
        used: Uses of paths that steps put in place, by path.
        redirects: Redirects counted from events, by path; exact totals are in ``interception``.
        interception: The interceptor's last totals.
        interception_at_s: When those totals were taken.
        started_at_s: When the workload started; None before.
        ended_at_s: When the workload ended or was told to; None before.
        exit: How the workload ended by itself, in words; empty while it runs.
        log_lines: Lines of all logs.
        api_requests: Requests that the API witness saw answered.
        answers: What pods answered, by assertion id: the claimed answer, else the last one.
        slow_sql: What the datastore said of slow statements.
        hook: When the priority-class hook and the caches that it needs did what, where the API server's audit says so.
        facts: What probes inside the arena found.
        ended: Why the run ends; None while nothing ended it.
        harness_errors: What broke in the runner itself.
        finished: Whether the run reported its own end.
    """

    steps: dict[str, StepDone] = attrs.field(factory=dict)
    milestones: dict[Milestone, Sighting] = attrs.field(factory=dict)
    confirmed: dict[Milestone, str] = attrs.field(factory=dict)
    blockers: dict[str, BlockerSeen] = attrs.field(factory=dict)
    present: dict[str, Sighting] = attrs.field(factory=dict)
    flag_echoes: dict[str, Sighting] = attrs.field(factory=dict)
    used: dict[str, int] = attrs.field(factory=dict)
    redirects: dict[str, int] = attrs.field(factory=dict)
    interception: InterceptionCounted | None = None
    started_at_s: float | None = None
    ended_at_s: float | None = None
    exit: str = ""
    log_lines: int = 0
    api_requests: int = 0
    answers: dict[str, PodAnswered] = attrs.field(factory=dict)
    slow_sql: SlowSql = attrs.field(factory=SlowSql)
    hook: HookTimeline = attrs.field(factory=HookTimeline)
    facts: dict[str, str] = attrs.field(factory=dict)
    ended: EndedBy | None = None
    harness_errors: list[str] = attrs.field(factory=list)
    finished: bool = False
    last_at_s: float = 0.0
    cpu_s: float | None = None
    peak_rss_mib: float | None = None

    @property
    def redirects_by_path(self) -> dict[str, int]:
        """Exact counts where the interceptor reported them, else what the events add up to."""
        counted = self.interception.redirects_by_path if self.interception else {}
        return {path: max(counted.get(path, 0), self.redirects.get(path, 0)) for path in {**self.redirects, **counted}}

    @property
    def fatal_blockers(self) -> tuple[str, ...]:
        """Ids of fatal blockers, in order of first sighting."""
        return tuple(name for name, seen in self.blockers.items() if seen.rule.fatal)

    def furthest(self) -> Milestone | None:
        """The highest rung reached; None when not even the workload started."""
        reached = [name for name in MILESTONES if name in self.milestones]
        return reached[-1] if reached else None

    def proof_of_passing(self, milestone: Milestone) -> Milestone | None:
        """A reached rung that cannot be reached without passing ``milestone``; the lowest such; None when there is none."""
        for name in MILESTONES:
            if name in BEYOND[milestone] and name in self.milestones:
                return name
        return None
