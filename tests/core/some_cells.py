"""Cells and attempts for tests, made from a small experiment."""

import attrs

from runner.core.cell import Attempt, Cell, CellOutcome
from runner.model.experiment import Expected, Experiment
from runner.model.step import TmpfsMount

SMALL = Experiment(
    number=90,
    slug="small",
    question="Does it?",
    change="nothing",
    refuted_by="a surprise",
    steps=(TmpfsMount(id="scratch", target="/scratch", reason="somewhere to write"),),
    target="node-registered",
    expected=(Expected(verdict="pass", ended_by="target-reached"),),
)


def cell(number: int = 90, **words: object) -> Cell:
    facts: dict[str, object] = {
        "workload": "standin",
        "version": "v0",
        "runsc": "r1",
        "platform": "systrap",
        "mechanism": "none",
    }
    return Cell(experiment=attrs.evolve(SMALL, number=number), **{**facts, **words})  # type: ignore[arg-type]


GOOD = CellOutcome(
    ending="ran",
    verdict="pass",
    as_expected=True,
    ended_by="target-reached",
    detail="node-registered",
    furthest="node-registered",
    milestones={"workload-started": 0.0, "node-registered": 6.0},
    run_s=7.0,
)
BAD = attrs.evolve(
    GOOD,
    verdict="fail",
    as_expected=False,
    ended_by="fatal-blocker",
    furthest="workload-started",
    fatal=("some-blocker",),
)
NOT_TO_BE_HAD = CellOutcome(ending="unavailable", verdict="skipped", as_expected=False, detail="it does not compile")


def attempt(
    of: Cell, outcome: CellOutcome = GOOD, *, number: int = 1, took_s: float = 10.0, at: str = "2026-11-25T10:00:00Z"
) -> Attempt:
    return Attempt(
        fingerprint=of.fingerprint,
        cell=of.circumstances,
        id=f"20261125T1000{number:02d}Z-{of.fingerprint[:6]}",
        run=f"{of.experiment.name}/run-{number}",
        finished_at=at,
        took_s=took_s,
        outcome=outcome,
    )
