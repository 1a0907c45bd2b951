"""The matrix: what it spans, what it leaves out and why, and its shards."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_cells import SMALL

from runner.core.matrix import (
    Ablation,
    Build,
    Explained,
    Impossible,
    Matrix,
    MatrixError,
    RunscAxis,
    WorkloadAxis,
    shard,
    spread,
)
from runner.model.experiment import Expected, Experiment
from runner.model.step import TmpfsMount, WorkloadFlag
from runner.model.view import View, ViewFile

BUILDS = {
    "old": Build(name="old", version="1", platforms=("ptrace",)),
    "new": Build(name="new", version="2", platforms=("systrap", "ptrace")),
}
K3S = WorkloadAxis(kind="k3s", version="v1.34.1+k3s1")
KUBERNETES = WorkloadAxis(kind="kubernetes", version="v1.34.4")
VIEW = View(files=(ViewFile(path="/proc/sys/kernel/panic", content="10\n", reason="wanted", part="panic"),))
PARENT = attrs.evolve(SMALL, number=1)
FLAGGED = attrs.evolve(
    SMALL,
    number=2,
    parent=1,
    steps=(*SMALL.steps, WorkloadFlag(id="flag", flags=("--flag",), reason="k3s's own", workloads=("k3s",))),
)
VIEWED = attrs.evolve(SMALL, number=3, view=VIEW, mechanism="seccomp")
K3S_ONLY = attrs.evolve(
    SMALL, number=4, expected=(Expected(verdict="pass", ended_by="target-reached", workloads=("k3s",)),)
)
KNOWN: dict[int, Experiment] = {one.number: one for one in (PARENT, FLAGGED, VIEWED, K3S_ONLY)}


def matrix(**words: object) -> Matrix:
    axes: dict[str, object] = {
        "runsc": (RunscAxis(name="old"), RunscAxis(name="new")),
        "workloads": (K3S, KUBERNETES),
    }
    return Matrix(**{**axes, **words})  # type: ignore[arg-type]


def test_every_place_has_a_cell_or_a_reason() -> None:
    plan = spread(matrix(), KNOWN, BUILDS)
    assert len(plan.placed) + len(plan.impossible) == 4 * len(plan.columns) == 16
    assert all(one.reason for one in plan.impossible)
    assert len({one.cell.fingerprint for one in plan.placed}) == len(plan.placed)


def test_what_is_not_for_a_workload_or_does_the_same_as_its_parent_there_is_no_cell() -> None:
    plan = spread(matrix(), KNOWN, BUILDS)
    reasons = {(one.experiment, one.column.workload.kind): one.reason for one in plan.impossible}
    assert reasons == {
        ("exp02", "kubernetes"): "for kubernetes it does the same as exp01",
        ("exp04", "kubernetes"): "exp04 is not for kubernetes",
    }


def test_a_mechanism_changes_nothing_where_there_is_no_view() -> None:
    plan = spread(matrix(mechanisms=("own", "mount")), KNOWN, BUILDS)
    assert {one.cell.mechanism for one in plan.placed if one.cell.experiment == VIEWED} == {"seccomp", "mount"}
    assert {one.reason for one in plan.impossible if one.experiment == "exp01"} == {
        "it has no view, so the mechanism changes nothing"
    }


def test_the_usual_platform_of_a_build_is_taken_and_another_is_refused() -> None:
    axes = (RunscAxis(name="old", platforms=("systrap", "ptrace")), RunscAxis(name="new"))
    plan = spread(matrix(runsc=axes, experiments=("exp01",)), KNOWN, BUILDS)
    assert [(one.column.build.name, one.cell.platform) for one in plan.placed if one.cell.workload == "k3s"] == [
        ("old", "ptrace"),
        ("new", "systrap"),
    ]
    assert {one.reason for one in plan.impossible} == {"gVisor old is not run with platform systrap"}


def test_a_declared_impossibility_holds_where_all_it_names_agree() -> None:
    rule = Impossible(reason="it traces wrongly", runsc=("old",), mechanisms=("seccomp",))
    plan = spread(matrix(impossible=(rule,), workloads=(K3S,)), KNOWN, BUILDS)
    assert [(one.experiment, one.column.build.name, one.reason) for one in plan.impossible] == [
        ("exp03", "old", "it traces wrongly")
    ]


def test_what_a_machine_lacks_is_said_at_the_cell_and_an_exception_is_one() -> None:
    needs = Impossible(reason="no such device", platforms=("ptrace",), missing="/dev/none")
    rest = Impossible(reason="one is enough", platforms=("ptrace",), but=("exp01",))
    axis = RunscAxis(name="new", platforms=("systrap", "ptrace"))
    plan = spread(matrix(runsc=(axis,), workloads=(K3S,), impossible=(needs, rest)), KNOWN, BUILDS)
    assert [(one.cell.experiment.name, one.unless) for one in plan.placed if one.cell.platform == "ptrace"] == [
        ("exp01", {"/dev/none": "no such device"})
    ]
    assert {one.reason for one in plan.impossible} == {"one is enough"}


def test_steps_that_a_build_refuses_are_left_out_where_they_are_declared() -> None:
    axis = RunscAxis(name="old", without={"flag": "it is refused"})
    plan = spread(matrix(runsc=(axis,), workloads=(K3S,)), KNOWN, BUILDS)
    assert {one.cell.experiment.name: one.cell.without for one in plan.placed} == {
        "exp01": (),
        "exp02": ("flag",),
        "exp03": (),
        "exp04": (),
    }


def test_a_name_for_a_build_that_is_there_already_adds_no_column() -> None:
    axes = (RunscAxis(name="new"), RunscAxis(name="latest"))
    plan = spread(matrix(runsc=axes), KNOWN, {**BUILDS, "latest": attrs.evolve(BUILDS["new"], name="latest")})
    assert {column.build.name for column in plan.columns} == {"new"}


def test_an_ablation_leaves_out_each_step_and_view_part_once() -> None:
    plan = spread(
        matrix(experiments=("exp03",), ablate=(Ablation(experiments=("exp03",), runsc=("new",)),), workloads=(K3S,)),
        KNOWN,
        BUILDS,
    )
    assert [one.left_out for one in plan.placed if one.column.build.name == "new"] == ["", "scratch", "panic"]
    assert [one.left_out for one in plan.placed if one.column.build.name == "old"] == [""]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"experiments": ("exp99",)}, "no experiment 'exp99'; there are: exp01"),
        ({"runsc": ()}, "the matrix has no cells"),
        ({"workloads": ()}, "the matrix has no cells"),
        ({"explained": (Explained(before="old", after="newer", text=""),)}, "old to newer: no such builds"),
    ],
    ids=["unknown experiment", "no builds", "no workloads", "explained without builds"],
)
def test_a_matrix_that_cannot_be_meant_is_refused(words: dict[str, object], why: str) -> None:
    with pytest.raises(MatrixError, match=why):
        spread(matrix(**words), KNOWN, BUILDS)


@given(st.integers(min_value=1, max_value=20))
def test_shards_are_disjoint_and_together_everything(of: int) -> None:
    placed = spread(matrix(), KNOWN, BUILDS).placed
    parts = [shard(placed, number, of) for number in range(1, of + 1)]
    assert [one for part in parts for one in part] == list(placed)


@pytest.mark.parametrize(("number", "of"), [(0, 3), (4, 3)])
def test_a_shard_that_there_is_not_is_refused(number: int, of: int) -> None:
    with pytest.raises(MatrixError, match="i from 1 to n"):
        shard((), number, of)


def test_the_same_experiment_with_another_step_is_another_cell() -> None:
    changed = attrs.evolve(PARENT, steps=(TmpfsMount(id="scratch", target="/other", reason="elsewhere"),))
    before = spread(matrix(experiments=("exp01",)), KNOWN, BUILDS).placed[0].cell.fingerprint
    assert spread(matrix(experiments=("exp01",)), {1: changed}, BUILDS).placed[0].cell.fingerprint != before
