"""Judges a recorded log as if it happened now: the same events, the same judge, no arena.

A recording has no steps and no interceptor of ours, so what they would show stays open; lines that an interceptor wrote
into the log (``[PTRACE:pid] path -> target``) count as the redirects they report.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from runner.core.judge import Judge
from runner.core.lines import LineSplitter, parse_line
from runner.core.outcome import RunIdentity, outcome
from runner.core.prepare import prepare
from runner.core.replay_clock import ReplayClock
from runner.host.clock import utc
from runner.host.store import RunDirectory, new_run_id
from runner.model.events import AnyEvent, DeadlinePassed, LineSeen, PathRedirected, RunFinished, WorkloadStarted
from runner.model.experiment import Experiment
from runner.model.result import ArenaInfo, RunResult, WorkloadInfo
from runner.recorded.logfile import ReplayError, pieces
from runner.runs import RunOptions, tool_version

PTRACE_LINE = re.compile(r"^\[PTRACE:(?P<pid>\d+)\] (?P<path>\S+) -> (?P<target>\S+)")
PIECE = 2**16


def read_lines(name: str) -> Iterator[str]:
    """Lines of a log file, plain or gzip; ``-`` is standard input. Reads in pieces, so any size will do.

    Raises:
        ReplayError: The file cannot be read, or is no log.
    """
    splitter = LineSplitter()
    for piece in pieces(name, PIECE):
        yield from (line.text for line in splitter.feed(piece))
    yield from (line.text for line in splitter.close())


def replay(
    experiment: Experiment, logs: tuple[Path, ...], options: RunOptions, *, began: float
) -> tuple[RunResult, Path]:
    """Judge recorded logs by an experiment and store the result like a run's.

    Raises:
        ReplayError: A log cannot be read or holds no line.
        StoreError: Results cannot be written.
    """
    plan = prepare(
        experiment,
        workload="replay",
        arena="here",
        command=("replay", *(str(path) for path in logs)),
        mechanism=options.mechanism,
        faults=options.faults,
        without=options.without,
        deadline_s=options.deadline_s,
    )
    # Read once before anything is stored: a log that is empty or breaks off in the middle leaves no half result.
    if not sum(1 for path in logs for _ in read_lines(str(path))):
        raise ReplayError(f"{', '.join(str(path) for path in logs)}: no line in it, so nothing was measured")
    started_at = utc(began)
    identity = RunIdentity(
        run_id=new_run_id(started_at),
        started_at=started_at,
        workload=WorkloadInfo(
            kind="replay",
            version="",
            sha256="",
            command=tuple(str(path) for path in logs),
            chosen_because="asked for by --workload replay",
        ),
        arena=ArenaInfo(kind="here"),
        environment={"tool_version": tool_version()},
    )
    directory = RunDirectory(options.results, experiment.name, identity.run_id)
    judge = Judge(plan)
    clock = ReplayClock()

    def see(event: AnyEvent) -> None:
        directory.record(event)
        judge.see(event)

    at_s = 0.0
    see(WorkloadStarted(at_s=at_s, pid=0, command=plan.argv))
    for path in logs:
        for line_no, text in enumerate(read_lines(str(path)), start=1):
            at_s = clock.at(parse_line(text))
            see(LineSeen(at_s=at_s, source="workload", line_no=line_no, text=text))
            redirect = PTRACE_LINE.match(text)
            if redirect is not None:
                pid, path_seen, target = redirect.groups()
                see(PathRedirected(at_s=at_s, pid=int(pid), path=path_seen, target=target, syscall=""))
    # A recording ends; whether the workload did, only its lines can say.
    see(DeadlinePassed(at_s=at_s))
    see(RunFinished(at_s=at_s))
    result = outcome(plan, judge, identity, finished_at=utc(time.time()), duration_s=at_s)
    directory.write_result(result)
    directory.close()
    return result, directory.path
