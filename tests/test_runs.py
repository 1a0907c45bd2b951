"""What a run stands on, found before it starts."""

import os
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from runner.runs import RunOptions, find_ground
from runner.supply.needs import NEEDS

ALL_BUT_CONNTRACK = frozenset(need.command for need in NEEDS) - {"conntrack"}


@pytest.mark.skipif(os.geteuid() != 0, reason="the arena here is root's alone")
def test_a_sandbox_that_is_not_ours_says_what_it_lacks_before_pods_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.runs.commands_present", lambda **_: ALL_BUT_CONNTRACK)
    options = RunOptions(arena="here", workload="standin", results=tmp_path)
    with capture_logs() as said:
        ground = trio.run(find_ground, options, lambda _text, _fraction: None)
    assert ground.layer is None
    (warned,) = (line for line in said if line["event"] == "arena.lacks")
    assert (warned["commands"], warned["install"]) == ("conntrack", "conntrack")
