"""A cell: one experiment under one set of circumstances; its fingerprint, and what an attempt at it yielded.

The fingerprint says whether an earlier attempt answers the same question, on any machine: it covers whatever can change what
happens or how that is judged, and nothing else. A reworded reason keeps it; another version, step or expectation does not.

What this module must not do: know where results are kept, or in which order cells are run.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final, Literal

import attrs

from runner.core.codec import to_brief
from runner.model.experiment import Experiment
from runner.model.fault import describe
from runner.model.kinds import ArenaKind, Mechanism, Verdict, WorkloadKind
from runner.model.result import RunResult
from runner.model.view import VIEW_LAYER

# Raised when the same declaration means something else than before, also by another default, so that older attempts no longer
# count.
FINGERPRINT_VERSION: Final = 1
# Words for people; whoever rewords one has not asked another question.
_PROSE: Final = frozenset({"slug", "question", "parent", "change", "refuted_by", "reason", "claim"})

Ending = Literal["ran", "not-started", "unavailable"]


def _in_one_order(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(ids)))


@attrs.frozen(kw_only=True)
class Cell:
    """One experiment under one set of circumstances.

    Attributes:
        experiment: The declaration with its faults, which need not be one of the numbered files: a derived one counts by what
            it says.
        workload: Kind of workload.
        version: The workload's version, as the workload reports it.
        arena: Where it runs.
        runsc: Which build of gVisor; empty outside the gvisor arena.
        platform: gVisor's platform.
        mechanism: How the view is applied; ``none`` for an experiment without one.
        without: Ids of steps and view parts that are left out.
    """

    experiment: Experiment
    workload: WorkloadKind
    version: str
    arena: ArenaKind = "gvisor"
    runsc: str = ""
    platform: str = ""
    mechanism: Mechanism
    without: tuple[str, ...] = attrs.field(default=(), converter=_in_one_order)

    @cached_property
    def fingerprint(self) -> str:
        """Twenty hexadecimal digits, the same on every machine."""
        document = [FINGERPRINT_VERSION, _bare(to_brief(self))]
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def fault(self) -> str:
        """The experiment's faults in words; empty for none."""
        return "; ".join(describe(fault) for fault in self.experiment.faults)

    @property
    def circumstances(self) -> "Circumstances":
        """The cell in words, without the declaration."""
        return Circumstances(
            experiment=self.experiment.name,
            slug=self.experiment.slug,
            workload=self.workload,
            version=self.version,
            arena=self.arena,
            runsc=self.runsc,
            platform=self.platform,
            mechanism=self.mechanism,
            fault=self.fault,
            without=self.without,
        )


@attrs.frozen(kw_only=True)
class Circumstances:
    """What a cell is called in tables and on disk; see :class:`Cell`."""

    experiment: str
    slug: str
    workload: WorkloadKind
    version: str
    arena: ArenaKind
    runsc: str
    platform: str
    mechanism: Mechanism
    fault: str
    without: tuple[str, ...]

    def __str__(self) -> str:
        """``exp13 on k3s v1.34.1+k3s1 in gvisor ...``: for progress and messages."""
        place = " ".join(part for part in (self.arena, self.runsc, self.platform) if part)
        text = f"{self.experiment} on {self.workload} {self.version} in {place}, mechanism {self.mechanism}"
        if self.fault:
            text += f", fault {self.fault}"
        return text + (f", without {', '.join(self.without)}" if self.without else "")


@attrs.frozen(kw_only=True)
class CellOutcome:
    """What one attempt yielded, in short; the run's own result has the evidence.

    Attributes:
        ending: ``ran``; ``not-started`` when the sandbox ended before anything could be seen inside it; ``unavailable`` when
            the version could not be had. None of them is a hole: each is an answer.
        verdict: Of the run; ``error`` or ``skipped`` where there was none.
        as_expected: Whether it came out as the experiment declares.
        ended_by: Why the run ended; empty where there was none.
        detail: What ended it, or what could not be had, in words.
        furthest: The highest milestone reached, or empty.
        milestones: Those reached, in seconds after the workload's start.
        fatal: Fatal blockers, in the order of their first appearance.
        degrading: The others, likewise.
        resolved: Blockers that an assertion shows to be overcome, and by what.
        failed: Ids of the assertions that did not hold.
        applied: Ids of the steps and view parts that were in place.
        run_s: From the workload's start to the end.
    """

    ending: Ending
    verdict: Verdict
    as_expected: bool
    ended_by: str = ""
    detail: str
    furthest: str = ""
    milestones: dict[str, float] = attrs.field(factory=dict)
    fatal: tuple[str, ...] = ()
    degrading: tuple[str, ...] = ()
    resolved: dict[str, str] = attrs.field(factory=dict)
    failed: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    run_s: float = 0.0

    @property
    def sameness(self) -> tuple[object, ...]:
        """Two attempts came out the same when these agree; times and degrading lines vary from run to run."""
        return self.ending, self.verdict, self.ended_by, self.furthest, frozenset(self.fatal)

    @property
    def in_short(self) -> str:
        """``node-ready, flannel-vxlan-unsupported``: how far it got, and what was the matter first."""
        if self.ending == "unavailable":
            return "not to be had"
        if self.ending == "not-started":
            return "sandbox did not start"
        if self.verdict == "error":
            # As in "step node-device failed: ...".
            return f"not set up: {self.detail.partition(':')[0]}"
        reached = self.furthest or "nothing reached"
        if self.fatal:
            return f"{reached}, {self.fatal[0]}"
        if self.verdict == "fail" and self.failed:
            more = f" and {len(self.failed) - 1} more" if len(self.failed) > 1 else ""
            return f"{reached}, but not {self.failed[0]}{more}"
        return reached


@attrs.frozen(kw_only=True)
class Attempt:
    """One finished attempt at a cell, as it is kept.

    Attributes:
        fingerprint: Of the cell.
        cell: In words.
        id: Unique, and sorts by time; the run's id where there was a run.
        run: The run's directory, relative to the results; empty when nothing was started.
        finished_at: UTC, ISO 8601.
        took_s: All of it, preparations included: what the next one is estimated from.
        outcome: What it yielded.
    """

    fingerprint: str
    cell: Circumstances
    id: str
    run: str
    finished_at: str
    took_s: float
    outcome: CellOutcome


def outcome_of(result: RunResult) -> CellOutcome:
    """The short form of one finished run."""
    started_s = next((rung.at_s for rung in result.milestones if rung.id == "workload-started" and rung.reached), None)
    reached = {rung.id: rung.at_s for rung in result.milestones if rung.reached and rung.at_s is not None}
    seen = sorted((b for b in result.blockers if b.count), key=lambda b: b.first_seen_s or 0.0)
    # The arena reports its kernel before anything else; a sandbox without one never got as far.
    silent = result.verdict == "error" and not result.arena.kernel
    return CellOutcome(
        ending="not-started" if silent else "ran",
        verdict=result.verdict,
        as_expected=result.as_expected,
        ended_by=result.ended_by.reason or "",
        detail=result.ended_by.detail,
        furthest=next(reversed(reached), ""),
        milestones={name: round(at_s - (started_s or 0.0), 2) for name, at_s in reached.items()},
        fatal=tuple(b.id for b in seen if b.fatal),
        degrading=tuple(b.id for b in seen if not b.fatal),
        resolved={b.id: b.resolved_by for b in result.blockers if not b.count and b.resolved_by},
        failed=tuple(claim.id for claim in result.assertions if claim.verdict == "fail"),
        applied=tuple(
            s.id for s in result.steps if s.outcome in {"applied", "already-there", "undone"} and s.id != VIEW_LAYER
        ),
        run_s=round(max(result.duration_s - started_s, 0.0), 2) if started_s is not None else 0.0,
    )


def agreement(attempts: "tuple[Attempt, ...]") -> tuple[int, int]:
    """How many of m attempts came out like the most frequent outcome."""
    outcomes = [attempt.outcome.sameness for attempt in attempts]
    return max((outcomes.count(one) for one in outcomes), default=0), len(outcomes)


def standing(attempts: "tuple[Attempt, ...]") -> Attempt | None:
    """The attempt that stands for all of them: the newest with the most frequent outcome; None where there is none."""
    outcomes = [attempt.outcome.sameness for attempt in attempts]
    return max(attempts, key=lambda one: (outcomes.count(one.outcome.sameness), one.id), default=None)


def _bare(value: Any) -> Any:  # noqa: ANN401  plain JSON values in, plain JSON values out
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if key not in _PROSE}
    if isinstance(value, list | tuple):
        return [_bare(inner) for inner in value]
    return value
