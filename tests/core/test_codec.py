"""Documents: round trips, refusals, and that nothing newer or broken is half understood."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script import all_steps_at_work, as_events, fold, log_lines, plan_of

from runner.core.codec import (
    FormatError,
    event_from_line,
    event_to_line,
    plan_from_json,
    plan_to_json,
    result_from_json,
    result_to_json,
)
from runner.core.outcome import RunIdentity, outcome
from runner.model.events import LineSeen, RunFinished, WorkloadExited
from runner.model.result import SCHEMA_VERSION, ArenaInfo, RunResult, WorkloadInfo


def result_of_exp13() -> RunResult:
    plan = plan_of()
    judge, _ = fold(plan, [*all_steps_at_work(plan), *as_events(log_lines("exp13")), RunFinished(at_s=20.0)])
    identity = RunIdentity(
        run_id="20261123T141535Z-abcdef",
        started_at="2026-11-23T14:15:35Z",
        workload=WorkloadInfo(kind="k3s", version="v1.34.1+k3s1", sha256="", command=plan.argv),
        arena=ArenaInfo(kind="gvisor"),
        environment={"cpus": "2"},
    )
    return outcome(plan, judge, identity, finished_at="2026-11-23T14:15:50Z", duration_s=15.0)


def test_a_plan_survives_the_way_into_the_arena() -> None:
    plan = plan_of("kmsg")
    assert plan_from_json(plan_to_json(plan)) == plan


def test_a_result_survives_the_way_to_disk() -> None:
    result = result_of_exp13()
    assert result_from_json(result_to_json(result)) == result


def test_the_result_has_every_key_of_the_contract() -> None:
    document = json.loads(result_to_json(result_of_exp13()))
    assert {"schema_version", "run_id", "started_at", "finished_at", "duration_s", "verdict", "as_expected"} <= set(
        document
    )
    assert set(document["experiment"]) == {"number", "slug", "question"}
    assert {"kind", "version", "sha256", "command"} <= set(document["workload"])
    assert {"kind", "runsc_version", "kernel", "platform", "root_filesystem", "fault"} <= set(document["arena"])
    assert {"mechanism", "stops", "redirects", "redirects_by_path", "tracer_cpu_s"} <= set(document["interception"])
    assert {"id", "kind", "outcome", "reason"} <= set(document["steps"][0])
    assert {"id", "reached", "at_s", "witness"} == set(document["milestones"][0])
    blocker_keys = "id component fatal first_seen_s count source line_no line advice resolved_by"
    assert set(blocker_keys.split()) <= set(document["blockers"][0])
    assert {"id", "verdict", "evidence"} <= set(document["assertions"][0])
    assert set(document["ended_by"]) == {"reason", "detail"}
    assert "expected" in document
    assert "environment" in document


@given(text=st.text(), at_s=st.floats(min_value=0, max_value=1e6), line_no=st.integers(min_value=1))
def test_any_line_survives_as_an_event(text: str, at_s: float, line_no: int) -> None:
    event = LineSeen(at_s=at_s, source="workload", line_no=line_no, text=text)
    line = event_to_line(event)
    assert "\n" not in line
    assert event_from_line(line) == event


def test_kinds_of_events_are_told_apart_although_they_share_fields() -> None:
    event = WorkloadExited(at_s=1.0, code=None, signal=9)
    assert event_from_line(event_to_line(event)) == event


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "{}", '{"type":"Nonsense","at_s":1}', '{"type":"LineSeen","at_s":1}', "1"]
)
def test_what_is_no_event_is_refused_with_its_text(line: str) -> None:
    with pytest.raises(FormatError, match="no event"):
        event_from_line(line)


def test_a_newer_schema_is_refused_with_what_to_do() -> None:
    document = json.loads(result_to_json(result_of_exp13()))
    document["schema_version"] = SCHEMA_VERSION + 1
    with pytest.raises(FormatError, match="newer than this tool's"):
        result_from_json(json.dumps(document))


def test_an_unknown_key_is_refused_by_name() -> None:
    document = json.loads(result_to_json(result_of_exp13()))
    document["mood"] = "good"
    with pytest.raises(FormatError, match="mood"):
        result_from_json(json.dumps(document))


@given(cut=st.integers(min_value=0, max_value=4000))
def test_a_result_cut_off_anywhere_is_refused(cut: int) -> None:
    text = result_to_json(result_of_exp13()).strip()
    with pytest.raises(FormatError):
        result_from_json(text[: min(cut, len(text) - 1)])


def test_six_of_six_resolved_names_what_resolved_them() -> None:
    resolved = {blocker.id: blocker.resolved_by for blocker in result_of_exp13().blockers if blocker.resolved_by}
    assert resolved == {
        "cadvisor-root-stats-missing": "no-storage-isolation",
        "kubelet-sysctl-missing": "sysctl-kubelet",
        "overcommit-memory-eio": "sysctl-kubelet",
        "host-local-not-found": "cni-stub",
        "dev-kmsg-missing": "kmsg",
        "iptables-nft-unsupported": "iptables-legacy",
        "route-localnet-missing": "sysctl-net",
    }
