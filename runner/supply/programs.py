"""Programs that experiments put into container images: found or built by name, and named by path in the plan."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import attrs

from runner.model.experiment import Experiment
from runner.model.kinds import WorkloadKind
from runner.model.step import AnyStep, ImagePreload
from runner.supply.coredns import find_coredns
from runner.supply.supplied import Absent, Progress, Supplied, SupplyError

PROGRAMS: Mapping[str, Callable[[Progress], Awaitable[Supplied | Absent]]] = {"coredns": find_coredns}


async def with_programs(
    experiment: Experiment, workload: WorkloadKind, progress: Progress
) -> tuple[Experiment, tuple[Path, ...]]:
    """The experiment with paths in place of the names of the programs that its images take, and these paths.

    Raises:
        SupplyError: A program cannot be had.
    """
    steps: list[AnyStep] = []
    paths: list[Path] = []
    for step in experiment.steps:
        if isinstance(step, ImagePreload) and step.program and workload in step.workloads:
            found = await PROGRAMS[step.program](progress)
            if isinstance(found, Absent):
                raise SupplyError(f"{step.id}: no {step.program} to be had ({found.reason})", found.attempts)
            paths.append(found.path)
            steps.append(attrs.evolve(step, program=str(found.path)))
        else:
            steps.append(step)
    return attrs.evolve(experiment, steps=tuple(steps)), tuple(paths)
