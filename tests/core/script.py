"""Shorthand for event scripts: what tests of the judge are written in."""

import gzip
from pathlib import Path

from runner.core.judge import Judge
from runner.core.prepare import prepare
from runner.model.events import AnyCommand, AnyEvent, LineSeen, PathRedirected, PathUsed, StepDone, WorkloadStarted
from runner.model.kinds import WorkloadKind
from runner.model.plan import RunPlan
from runner.registry import find

LOGS = Path(__file__).parents[1] / "logs"


def plan_of(*without: str, workload: WorkloadKind = "k3s") -> RunPlan:
    """Experiment 13, as k3s would be run."""
    return prepare(find("13"), workload=workload, arena="gvisor", command=("k3s", "server"), without=without)


def log_lines(name: str) -> list[str]:
    """The lines of a recorded log of a real run."""
    return gzip.decompress((LOGS / f"{name}.log.gz").read_bytes()).decode(errors="backslashreplace").splitlines()


def as_events(lines: list[str], *, per_line_s: float = 0.01) -> list[AnyEvent]:
    """A start, then one event a line."""
    events: list[AnyEvent] = [WorkloadStarted(at_s=1.0, pid=7, command=("k3s", "server"))]
    events += [
        LineSeen(at_s=1.0 + number * per_line_s, source="workload", line_no=number, text=text)
        for number, text in enumerate(lines, start=1)
    ]
    return events


def all_steps_at_work(plan: RunPlan) -> list[AnyEvent]:
    """Every step applied and verified, and the interceptor seen at each file of the view."""
    events: list[AnyEvent] = [
        StepDone(at_s=0.5, id=step.id, kind="step", outcome="applied", reason=step.reason, verified="looked at")
        for step in plan.steps
    ]
    events += [PathUsed(at_s=2.0, pid=9, path="/dev/kmsg", how="openat")]
    events += [
        PathRedirected(at_s=2.0, pid=9, path=file.path, target=f"/layer{file.path}", syscall="openat")
        for file in plan.view.files
    ]
    return events


def fold(plan: RunPlan, events: list[AnyEvent]) -> tuple[Judge, list[AnyCommand]]:
    """Feed all events; the judge and every command it gave."""
    judge = Judge(plan)
    return judge, [command for event in events for command in judge.see(event)]
