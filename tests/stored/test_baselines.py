"""Every promoted result, judged again from its own recorded events: the same milestones, blockers and claims as then.

A change to the rules, the milestones or the judge that would read real logs differently fails here, without k3s or gVisor.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.core.codec import event_from_line, result_from_json
from runner.core.judge import Judge
from runner.core.outcome import RunIdentity, outcome
from runner.core.prepare import prepare
from runner.model.events import LineSeen
from runner.model.result import RunResult
from runner.registry import find
from runner.stored.baseline import all_baselines, logs_of

RESULTS = Path(__file__).parents[2] / "results"
BASELINES = all_baselines(RESULTS)


def lines_of(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        yield from stream


def judged_again(baseline: Path, recorded: RunResult) -> RunResult:
    plan = prepare(
        find(str(recorded.experiment.number)),
        workload=recorded.workload.kind,
        arena=recorded.arena.kind,
        command=recorded.workload.command,
        mechanism=recorded.interception.mechanism,
    )
    judge = Judge(plan)
    for line in lines_of(logs_of(baseline) / "events.jsonl.gz"):
        judge.see(event_from_line(line))
    identity = RunIdentity(
        run_id=recorded.run_id,
        started_at=recorded.started_at,
        workload=recorded.workload,
        arena=recorded.arena,
        environment={},
    )
    return outcome(plan, judge, identity, finished_at=recorded.finished_at, duration_s=recorded.duration_s)


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda path: path.stem)
def test_a_baselines_recorded_run_is_judged_today_as_it_was_judged_then(baseline: Path) -> None:
    recorded = result_from_json(baseline.read_text())
    again = judged_again(baseline, recorded)
    assert again.milestones == recorded.milestones
    assert {one.id: (one.count, one.line_no) for one in again.blockers} == {
        one.id: (one.count, one.line_no) for one in recorded.blockers
    }
    assert {one.id: one.verdict for one in again.assertions} == {one.id: one.verdict for one in recorded.assertions}
    assert (again.verdict, again.ended_by) == (recorded.verdict, recorded.ended_by)


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda path: path.stem)
def test_a_baseline_is_what_its_experiment_declares(baseline: Path) -> None:
    recorded = result_from_json(baseline.read_text())
    assert (recorded.as_expected, recorded.differences) == (True, ())


def test_the_log_that_a_baseline_keeps_is_the_one_that_was_judged() -> None:
    for baseline in BASELINES:
        events = (event_from_line(line) for line in lines_of(logs_of(baseline) / "events.jsonl.gz"))
        judged = [one.text for one in events if isinstance(one, LineSeen) and one.source == "workload"]
        kept = [line.rstrip("\n") for line in lines_of(logs_of(baseline) / "workload.log.gz")]
        assert kept == judged, baseline.name
