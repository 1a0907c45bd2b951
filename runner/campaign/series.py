"""The cells of the series: every experiment on the one workload that is there."""

from collections.abc import Iterable

import attrs
import trio

from runner.core.cell import Cell
from runner.model.experiment import Experiment
from runner.runs import Ground, RunOptions, find_ground
from runner.supply.supplied import Progress
from runner.workloads import WorkloadError


def series_ground(options: RunOptions, progress: Progress) -> Ground:
    """What the series runs on: with ``auto`` k3s, else the stand-in, since the report's table is about k3s.

    Raises:
        ArenaError: There is no arena to be had.
        WorkloadError: What was asked for by name is not to be had.
        SupplyError: Likewise.
    """
    if options.workload != "auto":
        return trio.run(find_ground, options, progress)
    try:
        return trio.run(find_ground, attrs.evolve(options, workload="k3s"), progress)
    except WorkloadError as error:
        progress(f"the stand-in takes its place: {error}", None)
        return trio.run(find_ground, attrs.evolve(options, workload="standin"), progress)


def series_cells(experiments: Iterable[Experiment], ground: Ground) -> tuple[Cell, ...]:
    """A cell for each experiment that declares an outcome for the workload; on the stand-in none with a fault."""
    return tuple(_cell(experiment, ground) for experiment in experiments if _is_for(experiment, ground))


def _is_for(experiment: Experiment, ground: Ground) -> bool:
    if experiment.faults and ground.workload.kind == "standin":
        # What a slow disk does to k3s is a matter of k3s's own work and timeouts, of which the stand-in has none.
        return False
    try:
        experiment.expected_for(ground.workload.kind)
    except LookupError:
        return False
    return True


def _cell(experiment: Experiment, ground: Ground) -> Cell:
    return Cell(
        experiment=experiment,
        workload=ground.workload.kind,
        version=ground.workload.version,
        arena=ground.kind,
        runsc=ground.runsc.version if ground.runsc else "",
        platform=ground.platform,
        mechanism=experiment.mechanism,
    )
