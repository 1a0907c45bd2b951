"""One attempt at a real cell: what it needs is found once for all cells that share it, then the experiment is run.

A version that cannot be had, or does not build, is what the cell yields; it stops nothing, and within one campaign nobody
tries it again.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

import attrs
import trio

from runner.campaign.facts import find_facts
from runner.campaign.journal import attempt_of
from runner.conduct import now
from runner.core.cell import Attempt, Cell, CellOutcome
from runner.core.judge import Judge
from runner.host.clock import utc
from runner.host.store import new_run_id
from runner.log import log
from runner.model.events import AnyEvent
from runner.runs import Ground, RunOptions, find_ground, run_experiment
from runner.supply.cache import CacheError
from runner.supply.layer import LayerUnavailableError
from runner.supply.supplied import SupplyError
from runner.workloads import WorkloadError


class View(Protocol):
    """What draws one run."""

    def preparing(self, text: str, fraction: float | None) -> None:
        """Something is being found, downloaded or built."""

    def see(self, event: AnyEvent, judge: Judge) -> None:
        """An event, after it was judged."""


@attrs.define
class RealCells:
    """Runs cells.

    Attributes:
        results: Where runs are kept.
        view: Makes what draws a run, while it goes on.
        ground: What every cell runs on, where that was found before; None finds each cell's own.
    """

    results: Path
    view: Callable[[], AbstractContextManager[View]]
    ground: Ground | None = None
    _grounds: dict[tuple[str, ...], Ground | str] = attrs.field(factory=dict, init=False)

    def __call__(self, cell: Cell) -> Attempt | None:
        """Make one attempt.

        Raises:
            PlanError: The cell's choices do not fit its experiment.
            ArenaError: There is no arena to be had on this machine at all.
            StoreError: Results cannot be written.
        """
        began = now()
        options = RunOptions(
            workload=cell.workload,
            workload_version=cell.version,
            arena=cell.arena,
            runsc=cell.runsc,
            platform=cell.platform,
            mechanism=cell.mechanism,
            without=cell.without,
            cell=cell.fingerprint,
            results=self.results,
        )
        with self.view() as view:
            ground = self.ground or self._ground(cell, options, view)
            if isinstance(ground, str):
                return _unavailable(cell, ground, began)
            job = partial(
                run_experiment,
                cell.experiment,
                options,
                began=began,
                progress=view.preparing,
                watcher=view.see,
                ground=ground,
            )
            result, directory = trio.run(job)
        if result.ended_by.reason == "interrupted":
            return None
        attempt = attempt_of(result, directory.relative_to(self.results))
        # In the cell's words: a build that calls itself something else is still the one that was asked for.
        return attrs.evolve(attempt, cell=cell.circumstances)

    def _ground(self, cell: Cell, options: RunOptions, view: View) -> Ground | str:
        key = (cell.workload, cell.version, cell.arena, cell.runsc, cell.platform)
        if key not in self._grounds:
            try:
                ground = trio.run(find_ground, options, view.preparing)
                find_facts(self.results, cell, ground)
                self._grounds[key] = ground
            except (SupplyError, WorkloadError, LayerUnavailableError, CacheError) as error:
                log().warning("cell.unavailable", cell=str(cell.circumstances), reason=str(error))
                self._grounds[key] = str(error)
        return self._grounds[key]


def _unavailable(cell: Cell, reason: str, began: float) -> Attempt:
    finished = now()
    at = utc(finished)
    return Attempt(
        fingerprint=cell.fingerprint,
        cell=cell.circumstances,
        id=new_run_id(at),
        run="",
        finished_at=at,
        took_s=round(finished - began, 3),
        outcome=CellOutcome(ending="unavailable", verdict="skipped", as_expected=False, detail=reason),
    )
