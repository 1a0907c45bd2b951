"""The result document from a plan and a ledger: pure, so that a run, a replay and a re-judged recording agree."""

import attrs

from runner.core.blockers import RULES
from runner.core.judge import Judge
from runner.core.ledger import Ledger
from runner.core.metrics import metrics
from runner.core.milestones import MILESTONES
from runner.core.prepare import kind_of
from runner.core.verdict import differences, fault_felt, hits, judge_assertion, run_verdict
from runner.model.assertion import Absent
from runner.model.fault import AnyFault
from runner.model.plan import RunPlan
from runner.model.result import (
    ArenaInfo,
    AssertionResult,
    BlockerResult,
    EndedBy,
    ExperimentRef,
    Interception,
    MilestoneResult,
    RunResult,
    StepResult,
    WorkloadInfo,
)


@attrs.frozen(kw_only=True)
class RunIdentity:
    """What a result says about its run that no event knows.

    Attributes:
        run_id: Unique; the run's directory is named after it.
        started_at: UTC, ISO 8601.
        workload: What was started.
        arena: Where; probes inside the arena fill what is still empty.
        environment: Facts of the machine outside.
    """

    run_id: str
    started_at: str
    workload: WorkloadInfo
    arena: ArenaInfo
    environment: dict[str, str]


def outcome(
    plan: RunPlan, judge: Judge, identity: RunIdentity, *, finished_at: str | None, duration_s: float
) -> RunResult:
    """The result so far; with ``finished_at`` None, of a run that still goes on."""
    ledger = judge.ledger
    assertions = tuple(judge_assertion(plan, ledger, assertion) for assertion in plan.experiment.assertions)
    running = finished_at is None
    verdict = "inconclusive" if running else run_verdict(plan, ledger, assertions)
    found = ("the run has not finished",) if running else differences(plan, ledger, verdict, assertions)
    return RunResult(
        run_id=identity.run_id,
        started_at=identity.started_at,
        finished_at=finished_at,
        duration_s=round(duration_s, 3),
        state="running" if running else "finished",
        experiment=ExperimentRef(
            number=plan.experiment.number, slug=plan.experiment.slug, question=plan.experiment.question
        ),
        workload=identity.workload,
        arena=_arena(identity.arena, ledger),
        interception=_interception(plan, ledger),
        steps=_steps(plan, ledger),
        milestones=_milestones(ledger),
        blockers=_blockers(plan, ledger, assertions),
        assertions=assertions,
        verdict=verdict,
        expected=plan.expected,
        as_expected=not found,
        differences=found,
        metrics=metrics(ledger),
        ended_by=ledger.ended or EndedBy(reason=None, detail="still running" if running else "no end was recorded"),
        environment={**identity.environment, **_usage(ledger), **ledger.facts},
    )


def _arena(arena: ArenaInfo, ledger: Ledger) -> ArenaInfo:
    return attrs.evolve(
        arena,
        kernel=arena.kernel or ledger.facts.get("kernel", ""),
        root_filesystem=arena.root_filesystem or ledger.facts.get("root_filesystem", ""),
    )


def _usage(ledger: Ledger) -> dict[str, str]:
    usage = {"workload_cpu_s": ledger.cpu_s, "workload_peak_rss_mib": ledger.peak_rss_mib}
    return {name: f"{value:.1f}" for name, value in usage.items() if value is not None}


def _interception(plan: RunPlan, ledger: Ledger) -> Interception:
    counted = ledger.interception
    by_path = dict(sorted(ledger.redirects_by_path.items()))
    if counted is None:
        return Interception(mechanism=plan.mechanism, redirects=sum(by_path.values()), redirects_by_path=by_path)
    stops = sum(counted.stops.values())
    traced_s = counted.at_s - (ledger.started_at_s if ledger.started_at_s is not None else counted.at_s)
    return Interception(
        mechanism=plan.mechanism,
        stops=stops,
        stops_by_kind=dict(counted.stops),
        calls=dict(sorted(counted.calls.items(), key=lambda item: -item[1])),
        stops_per_s=round(stops / traced_s, 1) if traced_s > 0 else 0.0,
        redirects=sum(by_path.values()),
        redirects_by_path=by_path,
        tracer_cpu_s=round(counted.tracer_cpu_s, 3),
        events_dropped=counted.events_dropped,
    )


def _steps(plan: RunPlan, ledger: Ledger) -> tuple[StepResult, ...]:
    done = [
        StepResult(
            id=step.id,
            kind=step.kind,
            outcome=step.outcome,
            reason=step.reason,
            verified=step.verified,
            hits=hits(plan, ledger, step.id)[0],
        )
        for step in ledger.steps.values()
    ]
    left_out = [
        StepResult(id=skip.id, kind=skip.kind, outcome="skipped", reason=skip.reason)
        for skip in plan.skipped
        if skip.id not in ledger.steps
    ]
    return (*done, *left_out, *(_fault(fault, ledger) for fault in plan.faults if fault.id not in ledger.steps))


def _fault(fault: AnyFault, ledger: Ledger) -> StepResult:
    """A fault that nobody reported: delays are counted by the interceptor, and a line that never came sets nothing off."""
    felt, what = fault_felt(fault, ledger)
    return StepResult(
        id=fault.id,
        kind=kind_of(fault),
        outcome="applied" if felt else "skipped",
        reason=fault.reason,
        verified=what,
        hits=felt,
    )


def _milestones(ledger: Ledger) -> tuple[MilestoneResult, ...]:
    found = []
    for name in MILESTONES:
        here = ledger.milestones.get(name)
        confirmed = ledger.confirmed.get(name)
        witness = here.place if here else ""
        if here and confirmed and confirmed != witness:
            witness += f", confirmed by {confirmed}"
        found.append(
            MilestoneResult(
                id=name, reached=here is not None, at_s=round(here.at_s, 3) if here else None, witness=witness
            )
        )
    return tuple(found)


def _blockers(plan: RunPlan, ledger: Ledger, assertions: tuple[AssertionResult, ...]) -> tuple[BlockerResult, ...]:
    seen = [
        BlockerResult(
            id=name,
            component=blocker.rule.component,
            fatal=blocker.rule.fatal,
            first_seen_s=round(blocker.first.at_s, 3),
            count=blocker.count,
            source=f"{blocker.first.source}.log",
            line_no=blocker.first.line_no,
            line=blocker.first.text,
            advice=blocker.rule.advice,
            resolved_by=None,
        )
        for name, blocker in ledger.blockers.items()
    ]
    verdicts = {result.id: result for result in assertions}
    overcome = []
    for assertion in plan.experiment.assertions:
        if not isinstance(assertion, Absent) or verdicts[assertion.id].verdict != "pass":
            continue
        by = [name for name in assertion.by if hits(plan, ledger, name)[0]]
        overcome += [
            BlockerResult(
                id=rule.id,
                component=rule.component,
                fatal=rule.fatal,
                first_seen_s=None,
                count=0,
                source="",
                line_no=0,
                line="",
                advice=rule.advice,
                resolved_by=", ".join(by),
                evidence=verdicts[assertion.id].evidence,
            )
            for rule in (RULES[blocker] for blocker in assertion.blockers)
        ]
    return (*seen, *overcome)
