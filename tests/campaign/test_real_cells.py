"""Cells of versions that cannot be had, or whose sandbox dies at once: outcomes, never holes and never a stop."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from some_cells import cell

from runner import conduct as conduct_module
from runner.campaign import cells as cells_module
from runner.campaign import facts as facts_module
from runner.campaign.cells import RealCells
from runner.campaign.drive import drive
from runner.campaign.facts import facts_of
from runner.campaign.journal import Journal
from runner.core.agenda import Policy
from runner.runs import Ground, RunOptions
from runner.supply.supplied import Progress, Supplied, SupplyError
from runner.workloads import Workload

CELLS = [cell(number=number, runsc=runsc) for runsc in ("bad", "good") for number in (1, 2)]


class Silent:
    def preparing(self, text: str, fraction: float | None) -> None: ...

    def see(self, event: object, judge: object) -> None: ...


@contextmanager
def silent() -> Iterator[Silent]:
    yield Silent()


def ground(runsc: Path) -> Ground:
    """An arena over a runsc that need not be one, with a workload that ends at once."""
    return Ground(
        kind="gvisor",
        workload=Workload(
            kind="standin",
            command=(sys.executable, "-m", "runner.standin", "server"),
            version="v0",
            sha256="",
            reason="for a test",
            needs=(),
        ),
        runsc=Supplied(path=runsc, version="bad", origin="made up", sha256="0", attempts=()),
        platform="systrap",
    )


def test_a_version_that_cannot_be_had_is_what_its_cells_say_and_is_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def find_ground(options: RunOptions, progress: Progress) -> Ground:
        asked.append(options.runsc)
        raise SupplyError(f"gVisor {options.runsc} does not compile: undefined: y")

    monkeypatch.setattr(cells_module, "find_ground", find_ground)
    ended = drive(CELLS, Journal(tmp_path), RealCells(results=tmp_path, view=silent), Policy(in_doubt=3))
    assert (ended.end, asked) == ("complete", ["bad", "good"])
    assert [(one.outcome.ending, one.run) for one in ended.made] == [("unavailable", "")] * 4
    assert ended.made[0].outcome.detail == "gVisor bad does not compile: undefined: y"


@pytest.mark.sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo starting: platform not supported >&2; exit 128", "platform not supported"),
        ("exec sleep 1000", "hangs: it said nothing"),
    ],
    ids=["dies at once", "never says anything"],
)
def test_a_sandbox_that_does_not_start_is_what_its_cell_says_and_leaves_no_facts(
    does: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runsc = tmp_path / "runsc"
    runsc.write_text(f"#!/bin/sh\n{does}\n")
    runsc.chmod(0o755)

    async def find_ground(options: RunOptions, progress: Progress) -> Ground:
        return ground(runsc)

    monkeypatch.setattr(cells_module, "find_ground", find_ground)
    monkeypatch.setattr(facts_module, "PROBES_WITHIN_S", 2.0)
    if "hangs" in said:
        monkeypatch.setattr(conduct_module, "SPEAKS_WITHIN_S", 2.0)
    results = tmp_path / "results"
    ended = drive(CELLS[:1], Journal(results), RealCells(results=results, view=silent), Policy())
    (attempt,) = ended.made
    assert (attempt.outcome.ending, attempt.outcome.verdict) == ("not-started", "error")
    assert said in attempt.outcome.detail
    assert (results / attempt.run / "result.json").is_file()
    assert facts_of(results) == {}
