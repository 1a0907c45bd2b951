"""The loop of a campaign: choose a cell, hold it, run it, keep what it yielded; until nothing is left or the time is up.

What this module must not do: decide which cell comes next (:mod:`runner.core.agenda`), or know how one is run.
"""

import time
from collections.abc import Callable, Sequence
from typing import Literal

import attrs

from runner.campaign.journal import Journal
from runner.core.agenda import Policy, Todo, choose, left, time_left_s
from runner.core.cell import Attempt, Cell

RunCell = Callable[[Cell], Attempt | None]
"""Makes one attempt at a cell; None when it was interrupted, which ends the campaign."""

CampaignEnd = Literal["complete", "budget", "interrupted", "elsewhere"]


@attrs.frozen(kw_only=True)
class Position:
    """How far a campaign is, told before and after every attempt.

    Attributes:
        todo: The attempt that begins; None at the end.
        attempt: The one that just ended; None before the first.
        cells: How many cells there are.
        finished: How many of them need nothing more.
        doubted: How many of the others were run, and are to be run again.
        left: How many attempts are left.
        elapsed_s: Since the campaign's start.
        left_s: How long all that is left will probably take.
        budget_left_s: What is left of the budget; None without one.
    """

    todo: Todo | None
    attempt: Attempt | None
    cells: int
    finished: int
    doubted: int
    left: int
    elapsed_s: float
    left_s: float
    budget_left_s: float | None


@attrs.frozen(kw_only=True)
class Campaign:
    """What became of one campaign.

    Attributes:
        end: ``complete``; ``budget`` when what is left did not fit; ``interrupted``; ``elsewhere`` when another campaign is
            still at what is left.
        made: Attempts made now.
        left: Attempts that are still to be made.
        elapsed_s: How long it took.
    """

    end: CampaignEnd
    made: tuple[Attempt, ...]
    left: tuple[Todo, ...]
    elapsed_s: float


def drive(
    cells: Sequence[Cell],
    journal: Journal,
    run_cell: RunCell,
    policy: Policy,
    *,
    tell: Callable[[Position], None] = lambda _: None,
    arenas: int = 1,
    clock: Callable[[], float] = time.monotonic,
) -> Campaign:
    """Run what is left of some cells.

    Args:
        cells: All that are wanted, in the declared order.
        journal: Where finished attempts are, and go.
        run_cell: Makes one attempt.
        policy: Order, repeats, budget.
        tell: Told how far it is, before each attempt and at the end.
        arenas: How many processes are at these cells, this one included: for the time that is left.
        clock: Seconds from any zero.

    Raises:
        StoreError: The journal cannot be written.
    """
    began = clock()
    made: list[Attempt] = []
    busy: set[str] = set()
    while True:
        todo = left(cells, journal.attempts, policy)
        elapsed_s = clock() - began
        free = [one for one in todo if one.cell.fingerprint not in busy]
        chosen = choose(free, journal.attempts, policy, elapsed_s)
        tell(_position(cells, todo, chosen, made, elapsed_s, policy, arenas))
        if chosen is None:
            end: CampaignEnd = "complete" if not todo else "budget" if free else "elsewhere"
            return Campaign(end=end, made=tuple(made), left=todo, elapsed_s=elapsed_s)
        with journal.claim(chosen.cell.fingerprint) as held:
            if not held:
                busy.add(chosen.cell.fingerprint)
                continue
            # Whoever held it until a moment ago may have finished it.
            journal.refresh()
            if not left((chosen.cell,), journal.attempts, policy):
                continue
            attempt = run_cell(chosen.cell)
            if attempt is None:
                left_over = left(cells, journal.attempts, policy)
                return Campaign(end="interrupted", made=tuple(made), left=left_over, elapsed_s=clock() - began)
            journal.add(attempt)
            made.append(attempt)


def _position(
    cells: Sequence[Cell],
    todo: Sequence[Todo],
    chosen: Todo | None,
    made: Sequence[Attempt],
    elapsed_s: float,
    policy: Policy,
    arenas: int,
) -> Position:
    total = len({cell.fingerprint for cell in cells})
    return Position(
        todo=chosen,
        attempt=made[-1] if made else None,
        cells=total,
        finished=total - len(todo),
        doubted=sum(one.number > 1 for one in todo),
        left=sum(one.of - one.number + 1 for one in todo),
        elapsed_s=elapsed_s,
        left_s=time_left_s(todo) / arenas,
        budget_left_s=None if policy.budget_s is None else max(policy.budget_s - elapsed_s, 0.0),
    )
