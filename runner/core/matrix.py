"""The matrix: axes as data, and the cells they span; those that cannot be are left out with the reason.

What this module must not do: know which builds there are, or run anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import attrs

from runner.core.cell import Cell
from runner.core.prepare import PlanError, prepare
from runner.model.experiment import Experiment
from runner.model.kinds import Mechanism, WorkloadKind

OWN: Final = "own"
ALL: Final = "all"


class MatrixError(ValueError):
    """A declaration that cannot be meant; the message says where and what to do."""


@attrs.frozen(kw_only=True)
class RunscAxis:
    """One build of gVisor.

    Attributes:
        name: As ``--runsc`` takes it.
        platforms: gVisor platforms; empty is the usual one of the build.
        without: Steps that this build refuses, and why: they are left out of every experiment that has them.
    """

    name: str
    platforms: tuple[str, ...] = ()
    without: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class WorkloadAxis:
    """One version of one workload."""

    kind: WorkloadKind
    version: str

    def __str__(self) -> str:
        """``k3s v1.34.1+k3s1``."""
        return f"{self.kind} {self.version}"


@attrs.frozen(kw_only=True)
class Impossible:
    """Cells that cannot be, or that nobody wants; what is empty holds for all.

    Attributes:
        reason: Why, for the page.
        missing: A file. With it the rule holds only on machines that have no such file.
        but: Names of experiments for which the rule does not hold.
        experiments: Names.
        runsc: Names of builds.
        workloads: Kinds.
        platforms: gVisor platforms.
        mechanisms: Mechanisms, after the experiment's own was put in.
    """

    reason: str
    missing: str = ""
    but: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    runsc: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Ablation:
    """Experiments of which every step and view part is also left out, one at a time: what each is still needed for.

    Attributes:
        experiments: Names.
        runsc: Names of builds; empty is all.
        workloads: Kinds; empty is all.
    """

    experiments: tuple[str, ...]
    runsc: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()

    def holds(self, experiment: Experiment, column: "Column") -> bool:
        """Whether it means this place; on a build's usual platform only, since a platform changes no need."""
        return (
            experiment.name in self.experiments
            and (not self.runsc or column.build.name in self.runsc)
            and (not self.workloads or column.workload.kind in self.workloads)
            and column.usual
        )


@attrs.frozen(kw_only=True)
class Explained:
    """Why neighbouring builds differ, by somebody who read the logs.

    Attributes:
        before: Name of the older build.
        after: Name of the newer one.
        text: For the page; Markdown's back-ticks and links.
    """

    before: str
    after: str
    text: str


@attrs.frozen(kw_only=True)
class Matrix:
    """The declaration.

    Attributes:
        experiments: Names, or ``all``.
        runsc: Builds of gVisor, oldest first: neighbours are compared.
        workloads: Workloads with their versions.
        mechanisms: ``own`` is each experiment's own.
        ablate: Where every step is also left out, one at a time.
        impossible: What cannot be.
        explained: What is known about differences.
        repeat: Attempts at each cell.
        in_doubt: Attempts where they disagree.
    """

    experiments: tuple[str, ...] = (ALL,)
    runsc: tuple[RunscAxis, ...]
    workloads: tuple[WorkloadAxis, ...]
    mechanisms: tuple[Literal["own", "mount", "seccomp", "syscall"], ...] = (OWN,)
    ablate: tuple[Ablation, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    explained: tuple[Explained, ...] = ()
    repeat: int = 1
    in_doubt: int = 3


@attrs.frozen(kw_only=True)
class Build:
    """What a name on the runsc axis turned out to be.

    Attributes:
        name: Of the axis.
        version: What identifies the build; empty for the gVisor around us.
        platforms: Those it can be run with, the usual one first; empty for the gVisor around us.
    """

    name: str
    version: str
    platforms: tuple[str, ...]


HERE: Final = Build(name="here", version="", platforms=())
"""Whatever gVisor the runner itself is in."""


def around_us(matrix: Matrix) -> Matrix:
    """The same matrix for the arena ``here``, where nobody chooses the build."""
    return attrs.evolve(matrix, runsc=(RunscAxis(name=HERE.name),), explained=())


@attrs.frozen(kw_only=True)
class Column:
    """What a column of the page shows: everything of a cell but its experiment.

    Attributes:
        workload: With its version.
        build: gVisor.
        platform: gVisor's.
        mechanism: ``own`` or the one that all have.
        without: Steps that this build refuses, with the reason.
    """

    workload: WorkloadAxis
    build: Build
    platform: str
    mechanism: str
    without: dict[str, str]

    @property
    def usual(self) -> bool:
        """Whether the platform is the one that the build is run with unless somebody asks for another."""
        return not self.build.platforms or self.platform == self.build.platforms[0]


@attrs.frozen(kw_only=True)
class Placed:
    """A cell and its place on the page.

    Attributes:
        cell: What is run.
        column: Where it stands.
        left_out: The step that an ablation leaves out; empty for the experiment as it is.
        unless: Files without which a machine cannot run it, and the reason.
    """

    cell: Cell
    column: Column
    left_out: str = ""
    unless: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class NoCell:
    """A place of the page that has no cell, and why."""

    experiment: str
    column: Column
    reason: str


@attrs.frozen(kw_only=True)
class Plan:
    """The whole matrix, spread out.

    Attributes:
        columns: In the declared order.
        experiments: In the declared order.
        placed: Cells with their places, build by build: so that a shard needs few builds.
        impossible: Places without a cell.
        explained: As declared.
    """

    columns: tuple[Column, ...]
    experiments: tuple[Experiment, ...]
    placed: tuple[Placed, ...]
    impossible: tuple[NoCell, ...]
    explained: tuple[Explained, ...] = ()


def spread(matrix: Matrix, known: Mapping[int, Experiment], builds: Mapping[str, Build]) -> Plan:
    """All cells of a matrix.

    Args:
        matrix: The declaration.
        known: Every experiment there is.
        builds: What each name on the runsc axis is.

    Raises:
        MatrixError: It names an experiment or a build that there is not, or nothing at all.
    """
    experiments = _chosen(matrix.experiments, known)
    _chosen((name for ablation in matrix.ablate for name in ablation.experiments), known)
    columns = tuple(_columns(matrix, builds))
    if not columns or not experiments:
        raise MatrixError("the matrix has no cells: give it at least one experiment, runsc and workload")
    placed: list[Placed] = []
    impossible: list[NoCell] = []
    for column in columns:
        for experiment in experiments:
            reason = _impossible(experiment, column, matrix, known)
            if reason:
                impossible.append(NoCell(experiment=experiment.name, column=column, reason=reason))
                continue
            unless = {rule.missing: rule.reason for rule in _rules(experiment, column, matrix) if rule.missing}
            ablated = any(ablation.holds(experiment, column) for ablation in matrix.ablate)
            left_outs = ("", *(_parts(experiment, column) if ablated else ()))
            placed += [
                Placed(cell=_cell(experiment, column, left_out), column=column, left_out=left_out, unless=unless)
                for left_out in left_outs
            ]
    names = {column.build.name for column in columns}
    for one in matrix.explained:
        if not {one.before, one.after} <= names:
            raise MatrixError(f"explained: {one.before} to {one.after}: no such builds; there are: {', '.join(names)}")
    return Plan(
        columns=columns,
        experiments=experiments,
        placed=tuple(placed),
        impossible=tuple(impossible),
        explained=matrix.explained,
    )


def column_key(column: Column) -> tuple[str, ...]:
    """What tells two columns apart."""
    return column.build.name, str(column.workload), column.platform, column.mechanism


def shard(placed: Sequence[Placed], number: int, of: int) -> tuple[Placed, ...]:
    """Shard ``number`` of ``of``, from 1: neighbours stay together, every cell is in exactly one.

    Raises:
        MatrixError: There is no such shard.
    """
    if not 1 <= number <= of:
        raise MatrixError(f"shard {number}/{of}: write i/n with i from 1 to n")
    size = len(placed)
    return tuple(placed[size * (number - 1) // of : size * number // of])


def _chosen(names: Iterable[str], known: Mapping[int, Experiment]) -> tuple[Experiment, ...]:
    by_name = {experiment.name: experiment for experiment in known.values()}
    chosen: list[Experiment] = []
    for name in names:
        if name == ALL:
            chosen += by_name.values()
        elif name in by_name:
            chosen.append(by_name[name])
        else:
            raise MatrixError(f"no experiment {name!r}; there are: {', '.join(by_name)}")
    return tuple({experiment.name: experiment for experiment in chosen}.values())


def _columns(matrix: Matrix, builds: Mapping[str, Build]) -> Iterable[Column]:
    versions: dict[str, str] = {}
    for axis in matrix.runsc:
        build = builds[axis.name]
        # "latest" may be one that has a name already: the same cells need no second column.
        if versions.setdefault(build.version, axis.name) != axis.name:
            continue
        for platform in axis.platforms or build.platforms[:1] or ("",):
            for workload in matrix.workloads:
                for mechanism in matrix.mechanisms:
                    yield Column(
                        workload=workload,
                        build=build,
                        platform=platform,
                        mechanism=mechanism,
                        without=axis.without,
                    )


def _cell(experiment: Experiment, column: Column, left_out: str = "") -> Cell:
    refused = set(column.without) & {step.id for step in experiment.steps}
    return Cell(
        experiment=experiment,
        workload=column.workload.kind,
        version=column.workload.version,
        arena="here" if column.build == HERE else "gvisor",
        runsc=column.build.version,
        platform=column.platform,
        mechanism=_mechanism(experiment, column),
        without=(*refused, *((left_out,) if left_out else ())),
    )


def _mechanism(experiment: Experiment, column: Column) -> Mechanism:
    return experiment.mechanism if column.mechanism == OWN else column.mechanism  # type: ignore[return-value]


def _parts(experiment: Experiment, column: Column) -> tuple[str, ...]:
    steps = [step.id for step in experiment.steps if column.workload.kind in step.workloads]
    return tuple(name for name in (*steps, *experiment.view.parts) if name not in column.without)


def _impossible(experiment: Experiment, column: Column, matrix: Matrix, known: Mapping[int, Experiment]) -> str:
    workload = column.workload.kind
    try:
        experiment.expected_for(workload)
    except LookupError:
        return f"{experiment.name} is not for {workload}"
    if column.mechanism != OWN and not experiment.view.parts:
        return "it has no view, so the mechanism changes nothing"
    if column.build.platforms and column.platform not in column.build.platforms:
        return f"gVisor {column.build.name} is not run with platform {column.platform}"
    for rule in _rules(experiment, column, matrix):
        if not rule.missing:
            return rule.reason
    return _same_as_an_ancestor(experiment, column, known)


def _rules(experiment: Experiment, column: Column, matrix: Matrix) -> tuple[Impossible, ...]:
    """The rules that hold for a place."""
    return tuple(
        rule
        for rule in matrix.impossible
        if experiment.name not in rule.but
        and all(
            not values or value in values
            for values, value in (
                (rule.experiments, experiment.name),
                (rule.runsc, column.build.name),
                (rule.workloads, column.workload.kind),
                (rule.platforms, column.platform),
                (rule.mechanisms, _mechanism(experiment, column)),
            )
        )
    )


def _same_as_an_ancestor(experiment: Experiment, column: Column, known: Mapping[int, Experiment]) -> str:
    """Steps may be for one workload only: then a child does the same as its parent for all others."""
    parent = known.get(experiment.parent or 0)
    while parent is not None:
        if _does(parent, column) == _does(experiment, column):
            return f"for {column.workload.kind} it does the same as {parent.name}"
        parent = known.get(parent.parent or 0)
    return ""


def _does(experiment: Experiment, column: Column) -> object:
    try:
        plan = prepare(
            experiment,
            workload=column.workload.kind,
            arena="gvisor",
            command=(),
            mechanism=_mechanism(experiment, column),
        )
    except (PlanError, LookupError):
        return experiment.name
    return plan.argv, plan.steps, plan.view, plan.mechanism, plan.faults, plan.goal, plan.deadline_s
