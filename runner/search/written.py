"""A minimal set as an experiment file: text that declares its parent without what can be spared."""

import textwrap
from collections.abc import Sequence

from runner.model.experiment import Experiment
from runner.search.searches import Minimum

_TEMPLATE = '''"""Experiment {number}: what is the least of experiment {parent} that reaches {goal}?

Parent: {parent}. The one change: everything that delta debugging could take away is gone; {kept} of {all} units are left:
{names}.

{found}

What would refute it: {goal} is not reached, or is reached with one of the rest gone as well.
"""

from experiments import {module} as parent
from experiments.least import least

SPARED = (
{spared}
)

EXPERIMENT = least(parent.EXPERIMENT, SPARED, number={number}, slug="{slug}", goal="{goal}")
'''


def experiment_file(
    parent: Experiment,
    found: Minimum,
    *,
    number: int,
    where: str,
    left_out: Sequence[str] = (),
    build: str = "",
) -> tuple[str, str]:
    """File name and text.

    Args:
        parent: What the set was taken from.
        found: With an answer.
        number: Of the new experiment.
        where: Workload and arena it was found with.
        left_out: Of the parent, before the search began.
        build: Of gVisor, where it is not the usual one: it becomes part of the name.

    Raises:
        ValueError: There is no answer to write down.
    """
    if found.kept is None:
        raise ValueError(f"no minimal set of {parent.name} for {found.goal} was found, so there is none to write down")
    slug = f"minimal-{found.goal}" + (f"-{build}" if build else "")
    module = f"{parent.name}_{parent.slug.replace('-', '_')}"
    text = _TEMPLATE.format(
        number=number,
        parent=parent.number,
        goal=found.goal,
        kept=len(found.kept),
        all=len(found.kept) + len(found.spared),
        names=_wrapped(", ".join(unit.id for unit in found.kept)),
        found=_wrapped(f"Found with {where}: {found.confirmed} runs of it reached {found.goal}."),
        module=module,
        spared="\n".join(f'    "{name}",' for name in (*left_out, *(unit.id for unit in found.spared))),
        slug=slug,
    )
    return f"exp{number:02d}_{slug.replace('-', '_')}.py", text


def _wrapped(text: str) -> str:
    return textwrap.fill(text, width=120, break_long_words=False, break_on_hyphens=False)
