"""Helpers at the same cells: what they had taken and did not finish is done in the end, and nobody waits for strangers."""

import subprocess
import sys
from pathlib import Path

from runner.campaign.drive import Campaign
from runner.campaign.helpers import together
from runner.campaign.journal import Journal


def campaign(end: str) -> Campaign:
    return Campaign(end=end, made=(), left=(), elapsed_s=0.0)  # type: ignore[arg-type]


def process(text: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE)


def test_a_helper_that_ends_while_this_one_works_is_not_mistaken_for_a_stranger(tmp_path: Path) -> None:
    with process("input()") as helper:
        ends = iter(["elsewhere", "complete"])

        def work() -> Campaign:
            assert helper.stdin is not None
            if not helper.stdin.closed:
                helper.communicate(b"\n")  # it ends right in the middle of our work
            return campaign(next(ends))

        assert together(work, Journal(tmp_path), [helper]).end == "complete"


def test_cells_that_a_stranger_holds_are_left_to_the_stranger(tmp_path: Path) -> None:
    worked: list[str] = []

    def work() -> Campaign:
        worked.append("once")
        return campaign("elsewhere")

    assert together(work, Journal(tmp_path), []).end == "elsewhere"
    assert worked == ["once"]
