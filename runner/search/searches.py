"""The three searches: which question comes next is asked of the core, the answer is got by running.

What this module must not do: know how a run is made, or how a table looks.
"""

from collections.abc import Callable, Iterable

import attrs

from runner.core.ablation import Baseline, Row, baseline_of, effect, pairs_worth_trying, row
from runner.core.cell import Cell, CellOutcome
from runner.core.milestones import MILESTONES
from runner.core.minimize import Ask, Hopeless, Minimal, minimize
from runner.core.tally import Tally
from runner.core.threshold import AskAmount, Threshold, grid, threshold
from runner.model.experiment import Expected, Experiment
from runner.model.fault import AnyFault, amount_of, describe, show_amount, with_amount
from runner.model.kinds import Milestone
from runner.model.units import Unit, units, without
from runner.search.trials import SearchStoppedError, Trials

CellOf = Callable[[Experiment], Cell]
"""The cell of a derived experiment, under the circumstances that the user chose."""


@attrs.frozen(kw_only=True)
class Stopped:
    """Why a search ended early; empty when it did not."""

    stop: str = ""
    detail: str = ""


@attrs.frozen(kw_only=True)
class Ablation:
    """What an ablation found.

    Attributes:
        rows: A line for each unit, and for each pair that was tried.
        reached: Milestones that most runs of the whole reached.
        fatal: Fatal blockers that most of them had.
        runs: Runs of the whole.
        made: Runs made now; what was known before is not among them.
        stopped: Whether it ended early.
    """

    rows: tuple[Row, ...]
    reached: tuple[str, ...]
    fatal: tuple[str, ...]
    runs: int
    made: int
    stopped: Stopped = Stopped()


@attrs.frozen(kw_only=True)
class Minimum:
    """What a minimization found.

    Attributes:
        goal: Milestone that has to be reached.
        kept: Units that cannot be spared; None when there is no answer.
        spared: The others.
        hopeless: Not even the whole experiment reaches the goal.
        confirmed: Runs of the set that is left that reached the goal, of how many.
        sets: How many sets were asked about.
        made: Runs made now.
        stopped: Whether it ended early.
    """

    goal: str
    kept: tuple[Unit, ...] | None
    spared: tuple[Unit, ...] = ()
    hopeless: bool = False
    confirmed: Tally = attrs.field(factory=Tally)
    sets: int
    made: int
    stopped: Stopped = Stopped()


@attrs.frozen(kw_only=True)
class Tried:
    """One amount of a fault, and what its runs say."""

    amount: float
    survived: Tally


@attrs.frozen(kw_only=True)
class Limit:
    """What a threshold search found.

    Attributes:
        fault: In words, without its number.
        unit: Of the amounts.
        goal: Milestone that has to be reached.
        found: The interval; None when there is no answer yet.
        tried: Every amount that was run, from the mildest to the worst.
        made: Runs made now.
        stopped: Whether it ended early.
    """

    fault: str
    unit: str
    goal: str
    found: Threshold | None
    tried: tuple[Tried, ...]
    made: int
    stopped: Stopped = Stopped()


def towards(experiment: Experiment, goal: Milestone) -> Experiment:
    """The experiment with one aim, a milestone, and no other claim."""
    return attrs.evolve(
        experiment,
        assertions=(),
        target=goal,
        hold_s=0.0,
        other_goals=(),
        expected=(Expected(verdict="pass", ended_by="target-reached", reaches=goal),),
    )


def ablate(
    experiment: Experiment, taken_away: Iterable[Unit], cell_of: CellOf, trials: Trials, *, pairs: bool = False
) -> Ablation:
    """Take each unit away in turn, and pairs on request.

    Args:
        experiment: From what.
        taken_away: Units to try.
        cell_of: Circumstances.
        trials: Runs.
        pairs: Also pairs of units that can each be spared.
    """
    whole = cell_of(experiment)
    rows: list[Row] = []
    stopped = Stopped()
    try:
        trials.gather(whole, 2 * trials.lead - 1, f"{experiment.name} as it is")
        baseline = baseline_of(trials.attempts(whole))
        assert baseline is not None  # noqa: S101  gathered, so something was measured
        for unit in taken_away:
            rows.append(_taken(experiment, (unit.id,), cell_of, trials, baseline))  # noqa: PERF401  kept one by one: the next may stop the search
        for pair in pairs_worth_trying(tuple(rows)) if pairs else ():
            rows.append(_taken(experiment, pair, cell_of, trials, baseline))  # noqa: PERF401
    except SearchStoppedError as error:
        stopped = Stopped(stop=error.stop, detail=str(error))
    known = baseline_of(trials.attempts(whole))
    return Ablation(
        rows=tuple(rows),
        reached=tuple(name for name in MILESTONES if name in known.reached) if known else (),
        fatal=tuple(sorted(known.fatal)) if known else (),
        runs=known.runs if known else 0,
        made=trials.made,
        stopped=stopped,
    )


def _taken(experiment: Experiment, names: tuple[str, ...], cell_of: CellOf, trials: Trials, baseline: Baseline) -> Row:
    cell = cell_of(without(experiment, frozenset(names)))
    question = f"{experiment.name} without {' and '.join(names)}"
    trials.settle(cell, lambda outcome: bool(effect(outcome, baseline)), question)
    return row(names, trials.attempts(cell), baseline, trials.lead)


def find_minimum(
    experiment: Experiment, goal: Milestone, cell_of: CellOf, trials: Trials, *, fine: bool = False
) -> Minimum:
    """A smallest set of units that still reaches the goal.

    Args:
        experiment: Where to begin; its steps that are not for the workload are no units.
        goal: What has to be reached.
        cell_of: Circumstances.
        trials: Runs.
        fine: Then go on within what is left, by single flags and entries of the view.
    """
    aimed = towards(experiment, goal)
    workload = cell_of(aimed).workload
    asked: set[frozenset[str]] = set()
    gone: frozenset[str] = frozenset()
    kept: tuple[Unit, ...] | None = None
    hopeless, stopped = False, Stopped()
    try:
        for level in (False, True) if fine else (False,):
            left = units(without(aimed, gone), workload, fine=level)
            found = _least(aimed, gone, left, goal, cell_of, trials, asked)
            if isinstance(found, Hopeless):
                hopeless, kept = True, None
                break
            kept = tuple(unit for unit in left if unit.id in found.kept)
            gone |= {unit.id for unit in left if unit.id not in found.kept}
    except SearchStoppedError as error:
        stopped, kept = Stopped(stop=error.stop, detail=str(error)), None
    everything = units(aimed, workload, fine=fine)
    kept_ids = {unit.id for unit in kept or ()}
    return Minimum(
        goal=goal,
        kept=kept,
        spared=tuple(unit for unit in everything if kept is not None and unit.id not in kept_ids),
        hopeless=hopeless,
        confirmed=trials.tally(cell_of(without(aimed, gone)), _reaches(goal)) if kept is not None else Tally(),
        sets=len(asked),
        made=trials.made,
        stopped=stopped,
    )


def _least(
    aimed: Experiment,
    gone: frozenset[str],
    left: tuple[Unit, ...],
    goal: Milestone,
    cell_of: CellOf,
    trials: Trials,
    asked: set[frozenset[str]],
) -> Minimal | Hopeless:
    names = [unit.id for unit in left]
    answers: dict[frozenset[str], bool] = {}
    while isinstance(state := minimize(names, answers), Ask):
        kept = state.sets[0]
        asked.add(kept)
        cell = cell_of(without(aimed, gone | (frozenset(names) - kept)))
        missing = [name for name in names if name not in kept]
        question = f"{goal} with {len(kept)} of {len(names)} units" + (
            f", without {', '.join(missing)}" if missing else ""
        )
        answers[kept] = trials.settle(cell, _reaches(goal), question)
    return state


def find_threshold(
    experiment: Experiment,
    goal: Milestone,
    fault: AnyFault,
    amounts: tuple[float, float, float],
    cell_of: CellOf,
    trials: Trials,
) -> Limit:
    """How much of a fault still lets the goal be reached.

    Args:
        experiment: Under the fault; its own faults are dropped.
        goal: What has to be reached.
        fault: What is varied.
        amounts: Mildest, worst, precision: as :func:`runner.core.threshold.grid` takes them.
        cell_of: Circumstances.
        trials: Runs.

    Raises:
        ValueError: The fault has no number, or the amounts make no sense.
    """
    known = amount_of(fault)
    if known is None:
        raise ValueError(f"fault {fault.id} has no number that could be varied")
    unit = known[1]
    points = grid(*amounts)
    aimed = towards(experiment, goal)
    cells = {amount: cell_of(attrs.evolve(aimed, faults=(with_amount(fault, amount),))) for amount in points}
    answers: dict[float, bool] = {}
    found, stopped = None, Stopped()
    try:
        while isinstance(state := threshold(points, answers), AskAmount):
            question = f"{goal} under {fault.id} {show_amount(state.amount, unit)}"
            answers[state.amount] = trials.settle(cells[state.amount], _reaches(goal), question)
        found = state
    except SearchStoppedError as error:
        stopped = Stopped(stop=error.stop, detail=str(error))
    tallies = [(amount, trials.tally(cells[amount], _reaches(goal))) for amount in points]
    return Limit(
        fault=describe(fault).replace(show_amount(*known), "N"),
        unit=unit,
        goal=goal,
        found=found,
        tried=tuple(Tried(amount=amount, survived=tally) for amount, tally in tallies if tally.runs),
        made=trials.made,
        stopped=stopped,
    )


def _reaches(goal: Milestone) -> Callable[[CellOutcome], bool]:
    return lambda outcome: goal in outcome.milestones
