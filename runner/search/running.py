"""How a search's cells are run: the same ground for all of them, and results where they pass for nothing else."""

from functools import partial
from pathlib import Path

import attrs
import trio

from runner.campaign.journal import attempt_of, counts
from runner.conduct import Watcher, now
from runner.core.cell import Attempt, Cell
from runner.model.experiment import Experiment
from runner.runs import Ground, RunOptions, find_ground, run_experiment
from runner.search.trials import DIRECTORY
from runner.supply.supplied import Progress


@attrs.frozen(kw_only=True)
class Runner:
    """Makes cells of experiments, and attempts of cells, under one user's choices.

    Attributes:
        options: Choices; those that belong to an experiment (faults, deadline) are written into it.
        ground: Workload and arena, looked for once.
        progress: Told about preparations.
        watcher: Told about every event.
    """

    options: RunOptions
    ground: Ground
    progress: Progress
    watcher: Watcher

    def cell_of(self, experiment: Experiment) -> Cell:
        """The cell of an experiment here."""
        chosen = self.options
        declared = attrs.evolve(experiment, deadline_s=chosen.deadline_s or experiment.deadline_s)
        return Cell(
            experiment=declared,
            workload=self.ground.workload.kind,
            version=self.ground.workload.version,
            arena=self.ground.kind,
            runsc=self.ground.runsc.version if self.ground.runsc else "",
            platform=self.ground.platform,
            mechanism=(chosen.mechanism or declared.mechanism) if declared.view.parts else "none",
        )

    def run(self, cell: Cell) -> Attempt | None:
        """One attempt; None when it was interrupted."""
        options = attrs.evolve(
            self.options,
            mechanism=cell.mechanism,
            faults=None,
            without=(),
            deadline_s=None,
            cell=cell.fingerprint,
            results=self.options.results / DIRECTORY,
        )
        job = partial(
            run_experiment,
            cell.experiment,
            options,
            began=now(),
            progress=self.progress,
            watcher=self.watcher,
            ground=self.ground,
        )
        result, directory = trio.run(job)
        if not counts(result):
            return None
        return attempt_of(result, Path(directory).relative_to(options.results))


def runner_for(options: RunOptions, progress: Progress, watcher: Watcher) -> Runner:
    """Find the ground, and make a runner on it.

    Raises:
        ArenaError: There is no arena to be had.
        WorkloadError: There is no such workload to be had.
        SupplyError: Something that was named explicitly is not what it should be, or not to be had.
    """
    ground = trio.run(find_ground, options, progress)
    return Runner(options=options, ground=ground, progress=progress, watcher=watcher)
