"""What delta debugging leaves of an experiment, as an experiment of its own."""

from collections.abc import Iterable

import attrs

from runner.model.experiment import Expected, Experiment
from runner.model.kinds import Milestone
from runner.model.units import without


def least(parent: Experiment, spared: Iterable[str], *, number: int, slug: str, goal: Milestone) -> Experiment:
    """The parent without all that can be spared, which is enough to reach the goal.

    Args:
        parent: What the set was taken from.
        spared: Steps, flags and entries of its view.
        number: Of the new experiment.
        slug: Likewise.
        goal: What it still reaches; reaching it ends the run.
    """
    return attrs.evolve(
        without(parent, frozenset(spared)),
        number=number,
        slug=slug,
        question=f"Is what delta debugging leaves of experiment {parent.number} enough to reach {goal}?",
        parent=parent.number,
        change="everything that can be spared is gone",
        refuted_by=f"{goal} is not reached, or is reached with one of the rest gone as well",
        assertions=(),
        target=goal,
        hold_s=0,
        other_goals=(),
        expected=(Expected(verdict="pass", ended_by="target-reached", reaches=goal),),
    )
