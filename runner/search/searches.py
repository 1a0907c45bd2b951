"""The three searches: which question comes next is asked of the core, the answer is got by running.

What this module must not do: know how a run is made, or how a table looks.
"""

from collections.abc import Callable, Iterable
from functools import cache

import attrs

from runner.core.ablation import Baseline, Row, baseline_of, effect, pairs_worth_trying, row
from runner.core.cell import Attempt, Cell, CellOutcome
from runner.core.milestones import MILESTONES
from runner.core.minimize import Ask, Hopeless, Minimal, minimize
from runner.core.tally import Tally
from runner.core.threshold import AskAmount, Threshold, grid, threshold
from runner.model.experiment import Expected, Experiment
from runner.model.fault import AnyFault, amount_of, describe, show_amount, with_amount
from runner.model.kinds import Milestone
from runner.model.units import Unit, units, without
from runner.search.trials import SearchStoppedError, Trials, Wanted

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
        sets: How many sets were asked about and answered.
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
    """One amount of a fault, and what its runs say.

    Attributes:
        amount: Of the fault.
        survived: Runs that reached the goal, and those that did not.
        lost_to: What ended the latter: fatal blockers, or the reason for the end where there was none; each once.
    """

    amount: float
    survived: Tally
    lost_to: tuple[str, ...] = ()


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
    singles: list[tuple[str, ...]] = [(unit.id,) for unit in taken_away]
    cells = {names: cell_of(without(experiment, frozenset(names))) for names in singles}

    def baseline() -> Baseline | None:
        attempts = trials.attempts(whole)
        return baseline_of(attempts) if len(attempts) >= 2 * trials.lead - 1 else None

    def rows() -> tuple[Row, ...]:
        known = baseline()
        tried = {names: trials.attempts(cell) for names, cell in cells.items()}
        return tuple(row(names, runs, known, trials.lead) for names, runs in tried.items() if runs) if known else ()

    def wanted() -> tuple[Wanted, ...]:
        known, runs = baseline(), Tally(yes=len(trials.attempts(whole)))
        first = () if known else (Wanted(cell=whole, question=f"{experiment.name} as it is", tally=runs),)
        return first + tuple(
            Wanted(cell=cell, question=f"{experiment.name} without {' and '.join(names)}", tally=tally)
            for names, cell in cells.items()
            if (tally := _shows_effect(cell, known, trials)).answer(trials.lead) is None
        )

    stopped = Stopped()
    try:
        trials.pursue(wanted)
        if pairs:
            for pair in pairs_worth_trying(rows()):
                cells[pair] = cell_of(without(experiment, frozenset(pair)))
            trials.pursue(wanted)
    except SearchStoppedError as error:
        stopped = Stopped(stop=error.stop, detail=str(error))
    whole_now = baseline_of(trials.attempts(whole))
    return Ablation(
        rows=rows(),
        reached=tuple(name for name in MILESTONES if name in whole_now.reached) if whole_now else (),
        fatal=tuple(sorted(whole_now.fatal)) if whole_now else (),
        runs=whole_now.runs if whole_now else 0,
        made=trials.made,
        stopped=stopped,
    )


def _shows_effect(cell: Cell, baseline: Baseline | None, trials: Trials) -> Tally:
    """How many runs show an effect; before that can be said, as many as there are, which are too few at first anyway."""
    if baseline is None:
        runs = len(trials.attempts(cell))
        return Tally(yes=runs) if runs < trials.lead else Tally(yes=trials.lead)
    return trials.tally(cell, lambda outcome: bool(effect(outcome, baseline)))


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
    levels: list[dict[frozenset[str], bool]] = []
    gone: frozenset[str] = frozenset()
    kept: tuple[Unit, ...] | None = None
    hopeless, stopped = False, Stopped()
    try:
        for level in (False, True) if fine else (False,):
            left = units(without(aimed, gone), workload, fine=level)
            levels.append({})
            found = _least(without(aimed, gone), left, goal, cell_of, trials, levels[-1])
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
        sets=sum(map(len, levels)),
        made=trials.made,
        stopped=stopped,
    )


def _least(
    aimed: Experiment,
    left: tuple[Unit, ...],
    goal: Milestone,
    cell_of: CellOf,
    trials: Trials,
    answers: dict[frozenset[str], bool],
) -> Minimal | Hopeless:
    """What is left; which sets it took to know is put into ``answers``, also when the search is stopped."""
    names = [unit.id for unit in left]

    @cache
    def cell_with(kept: frozenset[str]) -> Cell:
        return cell_of(without(aimed, frozenset(names) - kept))

    def state() -> Ask | Minimal | Hopeless:
        """Where the search is: only the most wanted answer leads it on, so its way is the same in however many arenas."""
        now = minimize(names, answers)
        while isinstance(now, Ask):
            answer = trials.answer(cell_with(now.sets[0]), _reaches(goal))
            if answer is None:
                return now
            answers[now.sets[0]] = answer
            now = minimize(names, answers)
        return now

    def wanted() -> tuple[Wanted, ...]:
        now = state()
        asked = [(kept, cell_with(kept)) for kept in now.sets] if isinstance(now, Ask) else []
        return tuple(
            Wanted(cell=cell, question=_question(goal, names, kept), tally=trials.tally(cell, _reaches(goal)))
            for kept, cell in asked
            if trials.answer(cell, _reaches(goal)) is None
        )

    trials.pursue(wanted)
    end = state()
    assert not isinstance(end, Ask)  # noqa: S101  nothing is wanted any more
    return end


def _question(goal: Milestone, names: list[str], kept: frozenset[str]) -> str:
    missing = [name for name in names if name not in kept]
    return f"{goal} with {len(kept)} of {len(names)} units" + (f", without {', '.join(missing)}" if missing else "")


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

    def state() -> AskAmount | Threshold:
        known = {amount: trials.answer(cell, _reaches(goal)) for amount, cell in cells.items()}
        return threshold(points, {amount: answer for amount, answer in known.items() if answer is not None})

    def wanted() -> tuple[Wanted, ...]:
        now = state()
        if isinstance(now, Threshold):
            return ()
        cell = cells[now.amount]
        question = f"{goal} under {fault.id} {show_amount(now.amount, unit)}"
        return (Wanted(cell=cell, question=question, tally=trials.tally(cell, _reaches(goal))),)

    found, stopped = None, Stopped()
    try:
        trials.pursue(wanted)
        end = state()
        found = end if isinstance(end, Threshold) else None
    except SearchStoppedError as error:
        stopped = Stopped(stop=error.stop, detail=str(error))
    tallies = [(amount, cell, trials.tally(cell, _reaches(goal))) for amount, cell in cells.items()]
    return Limit(
        fault=describe(fault).replace(show_amount(*known), "N"),
        unit=unit,
        goal=goal,
        found=found,
        tried=tuple(
            Tried(amount=amount, survived=tally, lost_to=_lost_to(trials.attempts(cell), goal))
            for amount, cell, tally in tallies
            if tally.runs
        ),
        made=trials.made,
        stopped=stopped,
    )


def _lost_to(attempts: Iterable[Attempt], goal: Milestone) -> tuple[str, ...]:
    lost = [attempt.outcome for attempt in attempts if not _reaches(goal)(attempt.outcome)]
    return tuple(dict.fromkeys(end for outcome in lost for end in outcome.fatal or (outcome.ended_by,)))


def _reaches(goal: Milestone) -> Callable[[CellOutcome], bool]:
    return lambda outcome: goal in outcome.milestones
