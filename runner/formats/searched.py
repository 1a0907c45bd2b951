"""What a search found, as headings and rows of plain text: one form for the terminal and for Markdown.

What this module must not do: judge. It prints what the search says, undecided included.
"""

import attrs

from runner.core.counted import counted
from runner.core.tally import Tally
from runner.model.fault import show_amount
from runner.search.searches import Ablation, Limit, Minimum, Stopped


@attrs.frozen(kw_only=True)
class Found:
    """A finding to be printed.

    Attributes:
        title: One line.
        answer: The answer in a sentence or two.
        headings: Of the table.
        rows: Of the table.
    """

    title: str
    answer: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def of_ablation(name: str, where: str, found: Ablation) -> Found:
    """What each unit is for."""
    whole = (
        f"As it is, in {found.runs} of {found.runs} runs"
        if found.runs == 1
        else f"As it is, in most of {found.runs} runs"
    )
    ends = f", ending in {', '.join(found.fatal)}" if found.fatal else ""
    furthest = ", ".join(found.reached) or "no milestone"
    rows = []
    for one in found.rows:
        held = ", ".join(one.holds_back)
        lost = f"{one.lost} is lost" if one.lost else ""
        degrades = f"only degrades: {', '.join(one.degrades)}" if one.degrades else ""
        what = "; ".join(text for text in (held, lost, degrades) if text)
        rows.append((" and ".join(one.taken), one.standing, what, str(one.shown)))
    return Found(
        title=f"What {name} is made of: {where}",
        answer=_with_end(f"{whole}: {furthest}{ends}. {counted(found.made, 'run')} made now.", found.stopped),
        headings=("taken away", "standing", "without it", "runs that show it"),
        rows=tuple(rows),
    )


def of_minimum(name: str, where: str, found: Minimum) -> Found:
    """The smallest set."""
    if found.hopeless:
        answer = f"Not even {name} as it is reaches {found.goal}; choose another goal or experiment."
    elif found.kept is None:
        answer = "No answer yet."
    else:
        answer = (
            f"{len(found.kept)} of {len(found.kept) + len(found.spared)} units are left; with them {found.goal} was reached"
            f" in {found.confirmed} runs, and without any one of them it was not."
        )
    rows = [(unit.id, unit.kind, "needed", unit.reason) for unit in found.kept or ()]
    rows += [(unit.id, unit.kind, "can be spared", unit.reason) for unit in found.spared]
    counts = f" {counted(found.sets, 'set')} asked about, {counted(found.made, 'run')} made now."
    return Found(
        title=f"The least of {name} that reaches {found.goal}: {where}",
        answer=_with_end(answer + counts, found.stopped),
        headings=("unit", "kind", "", "why it is there"),
        rows=tuple(rows),
    )


def of_limit(name: str, where: str, found: Limit) -> Found:
    """The interval, and every amount that was tried."""
    interval = found.found
    if interval is None:
        answer = "No answer yet."
    elif interval.lost is None:
        answer = f"{found.goal} is reached under all that was tried, up to {_amount(interval.survived, found.unit)}."
    elif interval.survived is None:
        answer = f"{found.goal} is lost under all that was tried, from {_amount(interval.lost, found.unit)} on."
    else:
        survived, lost = _amount(interval.survived, found.unit), _amount(interval.lost, found.unit)
        answer = f"{found.goal} is reached under {survived} and lost under {lost}."
    if interval is not None and interval.contradicted:
        answer += " The answers contradict an order: there is no sharp threshold."
    return Found(
        title=f"How much {name} bears of {found.fault}: {where}",
        answer=_with_end(f"{answer} {counted(found.made, 'run')} made now.", found.stopped),
        headings=("amount", f"{found.goal} reached", "lost to"),
        rows=tuple(
            (_amount(tried.amount, found.unit), _n_of_m(tried.survived), ", ".join(tried.lost_to))
            for tried in found.tried
        ),
    )


def _amount(amount: float | None, unit: str) -> str:
    return show_amount(amount, unit) if amount is not None else ""


def _n_of_m(tally: Tally) -> str:
    return f"{tally} runs"


def _with_end(answer: str, stopped: Stopped) -> str:
    return f"{answer} Stopped ({stopped.stop}): {stopped.detail}." if stopped.stop else answer
