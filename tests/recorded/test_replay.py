"""Replaying the real logs of all endings: each names its blocker, how far it got, and what ended it."""

import time
from pathlib import Path

import pytest

from runner.model.result import RunResult
from runner.recorded.logfile import ReplayError
from runner.recorded.replay import replay
from runner.registry import find
from runner.runs import RunOptions

LOGS = Path(__file__).parents[1] / "logs"
LADDER = (
    "workload-started",
    "datastore-ready",
    "apiserver-serving",
    "poststart-hooks-done",
    "node-registered",
    "kube-proxy-synced",
    "node-ready",
    "pod-running",
)


def replayed(tmp_path: Path, name: str) -> RunResult:
    options = RunOptions(workload="replay", results=tmp_path)
    result, _ = replay(find("13"), (LOGS / f"{name}.log.gz",), options, began=time.time())
    return result


# Log, fatal blockers, how many rungs of the ladder, what ended it; tests/logs/README.md says how each was recorded.
ENDINGS = [
    ("bare", ["cgroup-mountpoint-missing"], 2, "fatal-blocker"),
    ("no-cni", ["host-local-not-found"], 2, "fatal-blocker"),
    ("no-kmsg", ["dev-kmsg-missing"], 4, "fatal-blocker"),
    ("no-lsci", ["cadvisor-root-stats-missing"], 4, "fatal-blocker"),
    ("no-intercept", ["kubelet-sysctl-missing", "overcommit-memory-eio"], 4, "fatal-blocker"),
    ("no-net-sysctl", ["route-localnet-missing"], 5, "fatal-blocker"),
    ("nft", ["iptables-nft-unsupported"], 5, "fatal-blocker"),
    ("exp13", ["flannel-vxlan-unsupported"], 7, "fatal-blocker"),
    ("original-interceptor", ["flannel-vxlan-unsupported"], 7, "fatal-blocker"),
    ("flannel-none", [], 6, "deadline"),
    ("mount-only", [], 6, "deadline"),
    ("slow-disk", ["poststarthook-priority-classes"], 3, "fatal-blocker"),
    ("pod-running", [], 8, "deadline"),
    ("pod-bridge-network", ["cni-bridge-hairpin-unsupported"], 7, "fatal-blocker"),
]


@pytest.mark.parametrize(("name", "blockers", "rungs", "ending"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_a_recorded_run_names_its_blocker_its_last_milestone_and_its_ending(
    tmp_path: Path, name: str, blockers: list[str], rungs: int, ending: str
) -> None:
    result = replayed(tmp_path, name)
    assert [blocker.id for blocker in result.blockers if blocker.fatal and blocker.count] == blockers
    assert {rung.id for rung in result.milestones if rung.reached} == set(LADDER[:rungs])
    assert result.ended_by.reason == ending
    assert not blockers or any(result.ended_by.detail.startswith(blocker) for blocker in blockers)


def test_every_log_has_its_row() -> None:
    assert sorted(path.name.removesuffix(".log.gz") for path in LOGS.glob("*.gz")) == sorted(row[0] for row in ENDINGS)


def test_the_recording_of_the_declared_outcome_is_as_expected_though_no_step_shows_in_it(tmp_path: Path) -> None:
    result = replayed(tmp_path, "exp13")
    assert (result.differences, result.verdict) == ((), "fail")
    open_claims = {claim.id for claim in result.assertions if claim.verdict == "inconclusive"}
    assert open_claims == {"cni-plugin", "dev-kmsg", "iptables"}


def test_another_outcome_is_not(tmp_path: Path) -> None:
    assert "new blocker dev-kmsg-missing" in replayed(tmp_path, "no-kmsg").differences


@pytest.mark.parametrize(
    "content", [b"", None, (LOGS / "exp13.log.gz").read_bytes()[:5_000]], ids=["empty", "absent", "cut-off"]
)
def test_a_log_that_cannot_be_read_to_its_end_is_named_and_leaves_no_result(
    tmp_path: Path, content: bytes | None
) -> None:
    log = tmp_path / "k3s.log"
    if content is not None:
        log.write_bytes(content)
    with pytest.raises(ReplayError, match=r"k3s\.log"):
        replay(find("13"), (log,), RunOptions(workload="replay", results=tmp_path / "results"), began=time.time())
    assert not (tmp_path / "results").exists()
