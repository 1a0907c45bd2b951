"""Which workaround is needed in which column, judged from runs that did without it.

It is needed where one of the blockers that it holds back then appeared. It is not needed where none of them did, nothing else
held them back, and start-up got beyond the place of each. Where both are seen, it depends on what else is done. Where neither is,
an experiment that reaches its target tells: it is needed if the same experiment without it does not. A run *with* the workaround
never shows that it is needed.

What this module must not do: lay anything out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import attrs

from runner.core.agenda import Attempts
from runner.core.blockers import RULES
from runner.core.cell import Attempt, standing
from runner.core.matrix import Column, Plan, column_key
from runner.core.milestones import BEYOND
from runner.model.experiment import Experiment

Need = Literal["needed", "depends", "not needed", "unknown"]


@attrs.frozen(kw_only=True)
class NeedAt:
    """Whether a workaround is needed in one column, and the run that shows it."""

    column: Column
    need: Need
    witness: Attempt | None


@attrs.frozen(kw_only=True)
class Workaround:
    """Steps or view parts that do the same service, over all columns: any one of them is enough.

    Attributes:
        id: Their ids.
        holds_back: Blockers that are declared to appear without any of them; none where only leaving it out tells.
        needs: One a column.
    """

    id: str
    holds_back: tuple[str, ...]
    needs: tuple[NeedAt, ...]


def holders(experiments: Iterable[Experiment]) -> dict[str, frozenset[str]]:
    """Step or view part -> the blockers that it is declared to hold back, in any experiment."""
    found: dict[str, set[str]] = {}
    for experiment in experiments:
        for step in experiment.steps:
            found.setdefault(step.id, set()).update(step.holds_back)
        for part, blockers in experiment.view.holds_back.items():
            found.setdefault(part, set()).update(blockers)
    return {name: frozenset(blockers) for name, blockers in found.items() if blockers}


def workarounds(
    plan: Plan, by_column: Mapping[tuple[str, ...], Sequence[Attempt]], done: Attempts
) -> Iterable[Workaround]:
    """Everything that is declared to hold something back, or that some cell leaves out, over all columns.

    Args:
        plan: The matrix.
        by_column: Every attempt under a column's circumstances.
        done: Attempts by fingerprint.
    """
    held = holders(plan.experiments)
    for blockers in dict.fromkeys(held.values()):
        names = tuple(name for name in held if held[name] == blockers)
        needs = []
        for column in plan.columns:
            attempts = by_column[column_key(column)]
            judged = _by_blockers(names, blockers, held, column, attempts) if _is_for(names, column, plan) else None
            needs.append(judged or _by_leaving_out(names, column, plan, done))
        yield Workaround(id=" or ".join(names), holds_back=tuple(sorted(blockers)), needs=tuple(needs))
    for name in dict.fromkeys(one.left_out for one in plan.placed if one.left_out and one.left_out not in held):
        needs = [_by_leaving_out((name,), column, plan, done) for column in plan.columns]
        yield Workaround(id=name, holds_back=(), needs=tuple(needs))


def _is_for(names: Sequence[str], column: Column, plan: Plan) -> bool:
    """Whether a workload can have one of these at all: what k3s alone does needs no workaround elsewhere."""
    kinds = {kind for one in plan.experiments for step in one.steps if step.id in names for kind in step.workloads}
    parts = {part for one in plan.experiments for part in one.view.parts}
    return column.workload.kind in kinds or bool(parts & set(names))


def _by_blockers(
    names: Sequence[str],
    blockers: frozenset[str],
    held: Mapping[str, frozenset[str]],
    column: Column,
    attempts: Sequence[Attempt],
) -> NeedAt | None:
    without = [one for one in attempts if one.outcome.ending == "ran" and not set(names) & set(one.outcome.applied)]
    stopped = [one for one in without if blockers & set(one.outcome.fatal)]
    free = [one for one in without if _got_beyond(blockers, held, one)]
    if stopped and free:
        return NeedAt(column=column, need="depends", witness=free[-1])
    if stopped:
        return NeedAt(column=column, need="needed", witness=stopped[-1])
    return NeedAt(column=column, need="not needed", witness=free[-1]) if free else None


def _got_beyond(blockers: frozenset[str], held: Mapping[str, frozenset[str]], one: Attempt) -> bool:
    if any(held.get(other, frozenset()) & blockers for other in one.outcome.applied):
        return False
    if blockers & set(one.outcome.resolved):
        return False
    reached = set(one.outcome.milestones)
    return all(reached & BEYOND[RULES[blocker].lies_before] for blocker in blockers)


def _by_leaving_out(names: Sequence[str], column: Column, plan: Plan, done: Attempts) -> NeedAt:
    """An experiment that reaches its target, and the same without one step: what became of it."""
    for part in plan.placed:
        if part.left_out not in names or part.column != column:
            continue
        whole = next(one for one in plan.placed if one.cell.experiment == part.cell.experiment and one.column == column)
        attempts = [standing(tuple(done.get(one.cell.fingerprint, ()))) for one in (whole, part)]
        target = part.cell.experiment.goal_for(part.cell.workload).target
        reached = [
            one is not None and one.outcome.ending == "ran" and target in one.outcome.milestones for one in attempts
        ]
        witness = attempts[1]
        if witness is None or not reached[0] or witness.outcome.verdict == "error":
            continue
        return NeedAt(column=column, need="not needed" if reached[1] else "needed", witness=witness)
    return NeedAt(column=column, need="unknown", witness=None)


def until(workaround: Workaround, builds: Sequence[str]) -> tuple[str, str]:
    """The last build that needs a workaround, and the first after it that does not; empty where nothing shows it.

    Args:
        workaround: With its needs.
        builds: Names of the builds, oldest first.
    """
    needed = [
        name
        for name in builds
        if any(n.need in {"needed", "depends"} and n.column.build.name == name for n in workaround.needs)
    ]
    last = needed[-1] if needed else ""
    later = builds[builds.index(last) + 1 :] if last else builds
    free = [
        name for name in later if any(n.need == "not needed" and n.column.build.name == name for n in workaround.needs)
    ]
    return last, free[0] if free else ""
