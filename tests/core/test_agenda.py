"""The agenda: what is left, what comes next, what fits into the budget."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_cells import BAD, GOOD, NOT_TO_BE_HAD, attempt, cell

from runner.core.agenda import FIRST_GUESS_S, Policy, choose, left, tally, time_left_s
from runner.core.cell import Attempt, Cell, CellOutcome

CELLS = [cell(number=number, runsc=runsc) for number in (1, 2, 3) for runsc in ("old", "new")]


def done(*attempts: Attempt) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        found[one.fingerprint].append(one)
    return found


def test_what_is_finished_is_not_left() -> None:
    todo = left(CELLS, done(attempt(CELLS[0]), attempt(CELLS[3])), Policy())
    assert [one.cell for one in todo] == [CELLS[1], CELLS[2], CELLS[4], CELLS[5]]


def test_the_same_cell_twice_is_one() -> None:
    assert len(left([CELLS[0], CELLS[0]], {}, Policy())) == 1


def test_repeats_are_counted() -> None:
    (todo,) = left(CELLS[:1], done(attempt(CELLS[0])), Policy(repeat=3))
    assert (todo.number, todo.of, todo.reason) == (2, 3, "repeat")


@pytest.mark.parametrize(
    ("outcomes", "wanted", "reason"),
    [
        ([GOOD], 0, ""),
        ([BAD], 2, "not as declared"),
        ([BAD, BAD], 0, ""),
        ([GOOD, BAD], 5, "attempts disagree"),
        ([GOOD, BAD, GOOD, BAD, GOOD], 0, ""),
        ([NOT_TO_BE_HAD], 0, ""),
    ],
    ids=["as declared", "surprise", "confirmed surprise", "flaky", "flaky enough", "not to be had"],
)
def test_doubt_asks_for_repeats(outcomes: list[CellOutcome], wanted: int, reason: str) -> None:
    attempts = [attempt(CELLS[0], outcome, number=number) for number, outcome in enumerate(outcomes)]
    todo = left(CELLS[:1], done(*attempts), Policy(in_doubt=5))
    assert [(one.of, one.reason) for one in todo] == ([(wanted, reason)] if wanted else [])


def test_what_measured_nothing_is_retried_only_when_asked_and_only_once() -> None:
    before = attempt(CELLS[0], NOT_TO_BE_HAD, at="2026-11-25T10:00:00Z")
    after = attempt(CELLS[0], NOT_TO_BE_HAD, at="2026-11-25T11:00:01Z", number=2)
    retry = Policy(retry_since="2026-11-25T11:00:00Z")
    assert left(CELLS[:1], done(before), Policy()) == ()
    assert len(left(CELLS[:1], done(before), retry)) == 1
    assert left(CELLS[:1], done(before, after), retry) == ()
    assert left(CELLS[:1], done(attempt(CELLS[0])), retry) == ()


def test_anew_counts_only_what_came_later() -> None:
    anew = Policy(anew_since="2026-11-25T11:00:00Z")
    assert len(left(CELLS[:1], done(attempt(CELLS[0], at="2026-11-25T10:59:59Z")), anew)) == 1
    assert left(CELLS[:1], done(attempt(CELLS[0], at="2026-11-25T11:00:00Z")), anew) == ()


def test_an_estimate_is_what_the_same_experiment_took() -> None:
    assert [one.estimate_s for one in left(CELLS[:1], {}, Policy())] == [FIRST_GUESS_S]
    known = done(attempt(CELLS[0], took_s=40.0), attempt(CELLS[2], took_s=8.0))
    todo = left(CELLS, known, Policy())
    assert [one.estimate_s for one in todo] == [40.0, 8.0, 24.0, 24.0]
    assert time_left_s(todo) == 96.0


def test_informative_order_sees_every_value_before_it_repeats_one() -> None:
    first: list[Cell] = []
    known: dict[str, list[Attempt]] = {}
    policy = Policy(order="informative")
    for _ in range(3):
        todo = choose(left(CELLS, known, policy), known, policy, 0.0)
        assert todo is not None
        first.append(todo.cell)
        known = done(*(attempt(one) for one in first))
    assert {one.experiment.number for one in first} == {1, 2, 3}
    assert {one.runsc for one in first} == {"old", "new"}


def test_only_what_fits_into_the_budget_is_begun() -> None:
    known = done(attempt(CELLS[0], took_s=40.0), attempt(CELLS[2], took_s=8.0))
    todo = left(CELLS, known, Policy(budget_s=50.0))
    assert choose(todo, known, Policy(budget_s=50.0), 0.0) == todo[0]
    assert choose(todo, known, Policy(budget_s=50.0), 20.0) == todo[1]
    assert choose(todo, known, Policy(budget_s=50.0), 45.0) is None


@given(
    st.lists(st.sampled_from([GOOD, BAD, NOT_TO_BE_HAD]), min_size=1, max_size=40),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=6),
    st.sampled_from(["declared", "informative"]),
)
def test_every_campaign_ends_within_its_bound_whatever_comes_out(
    outcomes: list[CellOutcome], repeat: int, in_doubt: int, order: str
) -> None:
    policy = Policy(order=order, repeat=repeat, in_doubt=in_doubt)  # type: ignore[arg-type]
    known: dict[str, list[Attempt]] = {}
    made: list[Attempt] = []
    while todo := choose(left(CELLS, known, policy), known, policy, 0.0):
        made.append(attempt(todo.cell, outcomes[len(made) % len(outcomes)], number=len(made)))
        known = done(*made)
        assert len(made) <= len(CELLS) * max(repeat, in_doubt)
    assert all(len(known[one.fingerprint]) >= repeat for one in CELLS)


def test_tally_names_every_cell_also_those_not_run() -> None:
    known = done(attempt(CELLS[0]), attempt(CELLS[1], BAD), attempt(CELLS[2], NOT_TO_BE_HAD))
    assert tally(CELLS, known) == {"pass": 1, "fail": 1, "unavailable": 1, "not run": 3}
