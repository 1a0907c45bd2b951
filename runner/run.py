"""One run, inside its arena: steps, then interceptor, workload and watchers side by side, then undo.

Wiring only. Every source sends its events into one bounded channel; one consumer passes them on to the record, asks the
judge, and obeys. The run ends by an event: the judge's stop, never a fixed wait.
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import trio

from runner.core.judge import Judge
from runner.core.prepare import kind_of
from runner.host.arena_facts import arena_facts
from runner.host.clock import RunClock
from runner.host.cluster_client import ClusterClient, kubectl_of
from runner.host.disturb import Disturber
from runner.host.launch import Launcher
from runner.host.steps import Steps
from runner.host.usage import UsageMeter, children_cpu_s
from runner.host.views import AppliedView, ViewError, apply_view
from runner.host.watch import LineNumberer, watch_file
from runner.host.witness import ApiWitness
from runner.model.events import (
    AnyEvent,
    ArenaReady,
    DeadlinePassed,
    Disturb,
    HarnessFailed,
    HoldPassed,
    Interrupted,
    RunFinished,
    StartHold,
    StepDone,
    StopRun,
)
from runner.model.kinds import WorkloadKind
from runner.model.plan import RunPlan

# Batches of events, none with more log text than a pipe holds; a full channel holds the pipes back, nothing is lost.
CHANNEL_SIZE = 64
# What the launcher gets to end the workload in after SIGTERM; k3s itself would take up to three seconds for its shutdown,
# which no experiment looks at.
STOP_WITHIN_S = 3.0
CONTAINERD_LOG = Path("/var/lib/rancher/k3s/agent/containerd/containerd.log")
# Where each kind of workload writes the admin's kubeconfig; the stand-in's API has no TLS and needs none.
KUBECONFIGS: dict[WorkloadKind, Path] = {
    "k3s": Path("/etc/rancher/k3s/k3s.yaml"),
    "kubernetes": Path("/etc/kubernetes/admin.conf"),
}

Note = Callable[[AnyEvent], None]


class Record(Protocol):
    """Where a run's events go first of all."""

    def __call__(self, *events: AnyEvent) -> None:
        """Put a batch of events on record, in order."""


async def run(plan: RunPlan, clock: RunClock, record: Record, interrupted: trio.Event) -> Judge:
    """Carry out a plan and undo it.

    Args:
        plan: What to do.
        clock: The run's clock.
        record: Called with all events, in order, before anything acts on them.
        interrupted: Set from outside to end the run early.

    Returns:
        The judge, with the ledger of the whole run.
    """
    judge = Judge(plan)

    def note(event: AnyEvent) -> None:
        record(event)
        judge.see(event)

    launcher = Launcher()
    meter = UsageMeter(launcher.pid)
    steps = Steps()
    note(ArenaReady(at_s=clock.now_s(), facts=arena_facts()))
    try:
        view = _apply(plan, steps, clock, note)
        if view is not None:
            await _watch(plan, judge, launcher, meter, view, clock, record, interrupted)
    finally:
        launcher.kill()
        _undo(plan, steps, clock, note)
    tracer_cpu_s = judge.ledger.interception.tracer_cpu_s if judge.ledger.interception else 0.0
    note(
        RunFinished(
            at_s=clock.now_s(),
            cpu_s=round(max(children_cpu_s() - tracer_cpu_s, 0.0), 2),
            peak_rss_mib=round(meter.peak_rss_mib, 1) or None,
        )
    )
    return judge


def _apply(plan: RunPlan, steps: Steps, clock: RunClock, note: Note) -> AppliedView | None:
    """Apply all steps and the view; None, and a failed step on record, when one of them broke."""
    for skip in plan.skipped:
        note(StepDone(at_s=clock.now_s(), id=skip.id, kind=skip.kind, outcome="skipped", reason=skip.reason))
    for step in plan.steps:
        try:
            applied = steps.apply(step)
        except OSError as error:
            note(StepDone(at_s=clock.now_s(), id=step.id, kind=kind_of(step), outcome="failed", reason=str(error)))
            return None
        note(
            StepDone(
                at_s=clock.now_s(),
                id=step.id,
                kind=kind_of(step),
                outcome=applied.outcome,
                reason=step.reason,
                verified=applied.verified,
            )
        )
    try:
        view = apply_view(plan, steps)
    except (ViewError, OSError) as error:
        note(StepDone(at_s=clock.now_s(), id="view", kind="view", outcome="failed", reason=str(error)))
        return None
    for part in view.parts:
        note(
            StepDone(
                at_s=clock.now_s(),
                id=part.id,
                kind="view",
                outcome=part.outcome,
                reason=part.reason,
                verified=part.verified,
            )
        )
    return view


async def _watch(
    plan: RunPlan,
    judge: Judge,
    launcher: Launcher,
    meter: UsageMeter,
    view: AppliedView,
    clock: RunClock,
    record: Record,
    interrupted: trio.Event,
) -> None:
    send_channel, receive_channel = trio.open_memory_channel[tuple[AnyEvent, ...]](CHANNEL_SIZE)
    launched_gone, registered = trio.Event(), trio.Event()

    async def send(*events: AnyEvent) -> None:
        await send_channel.send(events)

    disturber = Disturber(launcher.pid, launcher.begin_delays, clock, send)

    async with trio.open_nursery() as nursery:

        async def launched() -> None:
            await launcher.start(view.launch_plan_json)
            await launcher.watch(plan.argv, clock, send, tagged=plan.workload == "kubernetes")
            launched_gone.set()

        async def containerd() -> None:
            await watch_file(CONTAINERD_LOG, LineNumberer("containerd", clock, send), launched_gone)
            # The last source to end ends the run: everything the workload wrote has been read by now.
            await send_channel.aclose()

        async def deadline() -> None:
            await trio.sleep(plan.deadline_s)
            await send(DeadlinePassed(at_s=clock.now_s()))

        async def interruption() -> None:
            await interrupted.wait()
            await send(Interrupted(at_s=clock.now_s(), by="asked to stop"))

        async def hold(for_s: float) -> None:
            await trio.sleep(for_s)
            await send(HoldPassed(at_s=clock.now_s()))

        async with trio.open_nursery() as beside:
            # These end with the run, however far they are.
            beside.start_soon(deadline)
            beside.start_soon(interruption)
            beside.start_soon(meter.watch)
            if plan.api_port:
                kubeconfig = KUBECONFIGS.get(plan.workload)
                beside.start_soon(ApiWitness(plan.api_port, kubeconfig, clock, send).watch)
                if (kubectl := kubectl_of(plan)) is not None and kubeconfig is not None:
                    beside.start_soon(ClusterClient(plan, kubectl, kubeconfig, clock, send).watch, registered)
            nursery.start_soon(launched)
            nursery.start_soon(containerd)
            async for events in receive_channel:
                record(*events)
                commands = [command for event in events for command in judge.see(event)]
                if "node-registered" in judge.ledger.milestones:
                    registered.set()
                for command in commands:
                    match command:
                        case StartHold(for_s=for_s):
                            beside.start_soon(hold, for_s)
                        case Disturb(fault=fault):
                            beside.start_soon(disturber.carry_out, fault)
                        case StopRun() if plan.keep and command.reason not in {
                            "interrupted",
                            "harness-error",
                            "exited",
                        }:
                            # Left running for a person to look at; the interruption that ends it stops it below.
                            pass
                        case StopRun():
                            nursery.start_soon(launcher.stop, STOP_WITHIN_S)
                if plan.keep and any(isinstance(event, Interrupted) for event in events):
                    nursery.start_soon(launcher.stop, STOP_WITHIN_S)
            beside.cancel_scope.cancel()


def _undo(plan: RunPlan, steps: Steps, clock: RunClock, note: Note) -> None:
    kinds = {step.id: kind_of(step) for step in plan.steps}
    for name, error in steps.undo():
        outcome = "undo-failed" if error else "undone"
        note(StepDone(at_s=clock.now_s(), id=name, kind=kinds.get(name, "view"), outcome=outcome, reason=error))  # type: ignore[arg-type]


def broken(clock: RunClock, error: BaseException) -> HarnessFailed:
    """The event for an error of our own that ended a run; of a nursery's group each error by its own name."""
    return HarnessFailed(at_s=clock.now_s(), what="; ".join(_names(error)))


def _names(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _names(member)
        return
    where = traceback.extract_tb(error.__traceback__)[-1:]
    at = f" ({Path(where[0].filename).name}:{where[0].lineno})" if where else ""
    yield f"{type(error).__name__}: {error}{at}"
