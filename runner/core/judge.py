"""The judge: a fold over events that knows at any moment how far the run is, and says when to stop.

It alone makes decisions about a run. It reads no clock and no file, so a recorded list of events gives the same
decisions again: that is how results are re-made, and how the outside of a sandbox follows what happens inside.
"""

import re
from typing import assert_never

from runner.core.blockers import classify
from runner.core.ledger import BlockerSeen, Ledger, Sighting
from runner.core.lines import parse_line
from runner.core.milestones import MilestoneFold
from runner.model.assertion import PodAnswers, Present
from runner.model.events import (
    AnyCommand,
    AnyEvent,
    ArenaReady,
    DeadlinePassed,
    Disturb,
    HarnessFailed,
    HoldPassed,
    InterceptionCounted,
    Interrupted,
    LineSeen,
    PathRedirected,
    PathUsed,
    PodAnswered,
    RunFinished,
    StartHold,
    StepDone,
    StopRun,
    WitnessSeen,
    WorkloadExited,
    WorkloadStarted,
)
from runner.model.fault import Kill, Pause, SlowDisk
from runner.model.kinds import EndReason, Milestone
from runner.model.plan import RunPlan
from runner.model.result import EndedBy
from runner.model.step import Supervise, WorkloadFlag

# k3s, and the stand-in, print each component's whole command line once: the proof that a flag arrived there.
COMPONENT_COMMAND = "Running kube"


class Judge:
    """Folds events into a :class:`Ledger` and answers each with the commands it asks for."""

    def __init__(self, plan: RunPlan) -> None:
        self.ledger = Ledger()
        self._plan = plan
        self._milestones = MilestoneFold()
        self._survived = frozenset(name for step in plan.steps if isinstance(step, Supervise) for name in step.survives)
        self._wanted = {
            assertion.id: re.compile(assertion.pattern)
            for assertion in plan.experiment.assertions
            if isinstance(assertion, Present)
        }
        self._asked = {
            assertion.id
            for assertion in plan.experiment.assertions
            if isinstance(assertion, PodAnswers) and plan.workload in assertion.workloads
        }
        self._flags = {
            step.id: [flag.removeprefix("--kubelet-arg=").removeprefix("--kube-proxy-arg=") for flag in step.flags]
            for step in plan.steps
            if isinstance(step, WorkloadFlag)
        }
        self._triggers = {
            fault: re.compile(fault.at)
            for fault in plan.faults
            if isinstance(fault, SlowDisk | Pause | Kill) and fault.at
        }

    def see(self, event: AnyEvent) -> tuple[AnyCommand, ...]:
        """Take one event into account.

        Returns:
            What the runner must do now; empty for most events, and for every event after the first :class:`StopRun`.
        """
        ledger = self.ledger
        ledger.last_at_s = max(ledger.last_at_s, event.at_s)
        match event:
            case LineSeen():
                return self._line(event)
            case PathRedirected(path=path):
                ledger.redirects[path] = ledger.redirects.get(path, 0) + 1
            case PathUsed(path=path):
                ledger.used[path] = ledger.used.get(path, 0) + 1
            case InterceptionCounted():
                ledger.interception = event
            case StepDone():
                return self._step(event)
            case ArenaReady(facts=facts):
                ledger.facts.update(facts)
            case WorkloadStarted(at_s=at_s, pid=pid, command=command):
                ledger.started_at_s = at_s
                return self._reach(
                    "workload-started", Sighting(at_s=at_s, source=f"process {pid}", line_no=0, text=" ".join(command))
                )
            case WitnessSeen():
                return self._witness(event)
            case PodAnswered():
                return self._answered(event)
            case WorkloadExited():
                return self._exited(event)
            case HoldPassed():
                return self._stop(event.at_s, "target-reached", f"{self._plan.goal.target} reached and held")
            case DeadlinePassed():
                limit = (
                    "before the recording ends"
                    if self._plan.workload == "replay"
                    else f"within {self._plan.deadline_s:g} s"
                )
                return self._stop(event.at_s, "deadline", f"{self._plan.goal.target} not reached and held {limit}")
            case Interrupted(by=by):
                return self._stop(event.at_s, "interrupted", by)
            case HarnessFailed(what=what):
                ledger.harness_errors.append(what)
                return self._stop(event.at_s, "harness-error", what)
            case RunFinished():
                ledger.finished = True
                ledger.cpu_s, ledger.peak_rss_mib = event.cpu_s, event.peak_rss_mib
            case _:
                assert_never(event)
        return ()

    def _step(self, event: StepDone) -> tuple[AnyCommand, ...]:
        known = self.ledger.steps.get(event.id)
        if event.outcome not in {"undone", "undo-failed"} or known is None:
            self.ledger.steps[event.id] = event
        if event.outcome == "failed":
            what = f"step {event.id} failed: {event.reason}"
        elif event.outcome == "undo-failed":
            what = f"step {event.id} could not be undone: {event.reason}"
        else:
            return ()
        self.ledger.harness_errors.append(what)
        return self._stop(event.at_s, "harness-error", what)

    def _line(self, event: LineSeen) -> tuple[AnyCommand, ...]:
        ledger = self.ledger
        ledger.log_lines += 1
        if event.source == "launcher":
            return ()
        here = Sighting(at_s=event.at_s, source=event.source, line_no=event.line_no, text=event.text)
        ledger.slow_sql = ledger.slow_sql.see(event.text) if "Slow SQL" in event.text else ledger.slow_sql
        ledger.hook = ledger.hook.see(event.at_s, event.text)
        parsed = parse_line(event.text)
        commands: tuple[AnyCommand, ...] = ()
        if (milestone := self._milestones.see(parsed)) is not None:
            commands += self._reach(milestone, here)
        for name, pattern in self._wanted.items():
            if name not in ledger.present and pattern.search(event.text):
                ledger.present[name] = here
        if COMPONENT_COMMAND in event.text:
            for name, flags in self._flags.items():
                if name not in ledger.flag_echoes and any(flag in event.text for flag in flags):
                    ledger.flag_echoes[name] = here
        going_on = ledger.ended is None
        due = [fault for fault, pattern in self._triggers.items() if going_on and pattern.search(event.text)]
        for fault in due:
            del self._triggers[fault]
            commands += (Disturb(fault=fault),)
        for rule in classify(parsed):
            seen = ledger.blockers.get(rule.id)
            if seen is not None:
                seen.count += 1
            elif going_on:
                # After the stop nothing new counts: what dies because we kill it is not a finding.
                ledger.blockers[rule.id] = BlockerSeen(rule=rule, first=here)
                if rule.fatal and rule.id not in self._survived:
                    commands += self._stop(event.at_s, "fatal-blocker", f"{rule.id}: {parsed.message}")
        return commands

    def _reach(self, milestone: Milestone, here: Sighting) -> tuple[AnyCommand, ...]:
        if milestone in self.ledger.milestones:
            return ()
        self.ledger.milestones[milestone] = here
        if milestone != self._plan.goal.target or self.ledger.ended is not None:
            return ()
        if self._plan.goal.hold_s > 0:
            return (StartHold(for_s=self._plan.goal.hold_s),)
        return self._stop(here.at_s, "target-reached", f"{milestone} reached")

    def _witness(self, event: WitnessSeen) -> tuple[AnyCommand, ...]:
        self.ledger.api_requests = max(self.ledger.api_requests, event.requests)
        if event.milestone is None:
            return ()
        self.ledger.confirmed.setdefault(event.milestone, event.witness)
        return self._reach(
            event.milestone, Sighting(at_s=event.at_s, source=event.witness, line_no=0, text=event.witness)
        )

    def _answered(self, event: PodAnswered) -> tuple[AnyCommand, ...]:
        answers = self.ledger.answers
        known = answers.get(event.assertion)
        if known is None or not known.matched:
            answers[event.assertion] = event
        target = self._plan.goal.target
        if target not in self.ledger.milestones or not all(
            name in answers and answers[name].matched for name in self._asked
        ):
            return ()
        # What the hold was for has been seen; only answers that do not come need all of it.
        return self._stop(event.at_s, "target-reached", f"{target} reached, and every pod answered")

    def _exited(self, event: WorkloadExited) -> tuple[AnyCommand, ...]:
        how = f"killed by signal {event.signal}" if event.signal is not None else f"exit code {event.code}"
        if self.ledger.ended is None:
            self.ledger.exit = how
        return self._stop(event.at_s, "exited", f"the workload ended by itself with {how}")

    def _stop(self, at_s: float, reason: EndReason, detail: str) -> tuple[AnyCommand, ...]:
        if self.ledger.ended is not None:
            return ()
        self.ledger.ended = EndedBy(reason=reason, detail=detail)
        self.ledger.ended_at_s = at_s
        return (StopRun(reason=reason, detail=detail),)
