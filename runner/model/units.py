"""What can be taken away from an experiment, and the experiment without it.

A unit is a step, one flag of a step that has several, a part of the view, or one entry of a part that has several. Taking
units away gives a declaration again: claims about what is gone go with it, everything else stays as it is written.

What this module must not do: choose what is taken away, or know what became of a run.
"""

from typing import Literal

import attrs

from runner.model.assertion import Absent, AnyAssertion
from runner.model.experiment import Experiment
from runner.model.kinds import WorkloadKind
from runner.model.step import AnyStep, WorkloadFlag
from runner.model.view import StatfsSpoof, View

UnitKind = Literal["step", "flag", "view part", "view entry"]


@attrs.frozen(kw_only=True)
class Unit:
    """Something that can be taken away.

    Attributes:
        id: A step's or part's own id; an entry's path; ``STEP:FLAG`` for one flag of several.
        kind: What it is.
        within: The step or part that it belongs to; its own id when it is one.
        reason: Why the declaration says it is there.
    """

    id: str
    kind: UnitKind
    within: str
    reason: str


def units(experiment: Experiment, workload: WorkloadKind, *, fine: bool = False) -> tuple[Unit, ...]:
    """Everything that can be taken away, in the declared order.

    Args:
        experiment: From what.
        workload: Steps for other kinds are not there anyway.
        fine: Also single flags and entries, in place of what they make up together.
    """
    found: list[Unit] = []
    for step in experiment.steps:
        if workload not in step.workloads:
            continue
        flags = step.flags if isinstance(step, WorkloadFlag) else ()
        if fine and len(flags) > 1:
            found += [Unit(id=f"{step.id}:{flag}", kind="flag", within=step.id, reason=step.reason) for flag in flags]
        else:
            found.append(Unit(id=step.id, kind="step", within=step.id, reason=step.reason))
    for part in experiment.view.parts:
        entries = _entries(experiment.view, part)
        if fine and len(entries) > 1:
            found += [Unit(id=path, kind="view entry", within=part, reason=reason) for path, reason in entries.items()]
        else:
            reason = next(iter(entries.values()), "") if len(entries) == 1 else f"{len(entries)} entries of the view"
            found.append(Unit(id=part, kind="view part", within=part, reason=reason))
    return tuple(found)


def without(experiment: Experiment, taken: frozenset[str]) -> Experiment:
    """The experiment without some units, named as :func:`units` names them, coarse or fine."""
    if not taken:
        return experiment
    steps = tuple(kept for step in experiment.steps if (kept := _step_without(step, taken)) is not None)
    view = _view_without(experiment.view, taken)
    names = {step.id for step in steps} | set(view.parts)
    return attrs.evolve(
        experiment,
        steps=steps,
        view=view,
        # A mechanism without a view would be refused as a contradiction.
        mechanism=experiment.mechanism if view.parts else "none",
        assertions=tuple(left for claim in experiment.assertions if (left := _claim_about(claim, names)) is not None),
    )


def _entries(view: View, part: str) -> dict[str, str]:
    """Path (or name) -> reason, of everything that a part is made of."""
    found = {
        f"{tree.prefix}/**": "the whole tree: real files, with the view's in front"
        for tree in view.trees
        if tree.part == part
    }
    found |= {file.path: file.reason for file in view.files if file.part == part}
    return found | {_spoof_name(spoof): "shows another filesystem type" for spoof in view.statfs if spoof.part == part}


def _spoof_name(spoof: StatfsSpoof) -> str:
    return f"statfs:{spoof.real_type:#x}"


def _step_without(step: AnyStep, taken: frozenset[str]) -> AnyStep | None:
    if step.id in taken:
        return None
    if not isinstance(step, WorkloadFlag):
        return step
    flags = tuple(flag for flag in step.flags if f"{step.id}:{flag}" not in taken)
    if not flags:
        return None
    return step if flags == step.flags else attrs.evolve(step, flags=flags)


def _view_without(view: View, taken: frozenset[str]) -> View:
    left = view.without(frozenset(taken & set(view.parts)))
    kept = attrs.evolve(
        left,
        trees=tuple(tree for tree in left.trees if f"{tree.prefix}/**" not in taken),
        files=tuple(file for file in left.files if file.path not in taken),
        statfs=tuple(spoof for spoof in left.statfs if _spoof_name(spoof) not in taken),
        holds_back={},
    )
    return attrs.evolve(kept, holds_back={part: held for part, held in left.holds_back.items() if part in kept.parts})


def _claim_about(claim: AnyAssertion, names: set[str]) -> AnyAssertion | None:
    """A claim without those who are gone; None when nobody is left who could have done it."""
    if not isinstance(claim, Absent):
        return claim
    by = tuple(name for name in claim.by if name in names)
    return attrs.evolve(claim, by=by) if by else None
