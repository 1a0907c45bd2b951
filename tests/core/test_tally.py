"""A lead decides, and errs no more often than it is said to."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.tally import Tally, error_bound


def decide(lead, flake, *, truth, seed):
    dice, tally = random.Random(seed), Tally()  # noqa: S311  a coin
    while (answer := tally.answer(lead)) is None:
        tally = tally.plus(yes=truth != (dice.random() < flake))
    return answer, tally


@given(st.integers(1, 6), st.booleans(), st.integers())
def test_without_flakes_the_answer_is_the_truth_after_lead_runs(lead, truth, seed):
    answer, tally = decide(lead, 0.0, truth=truth, seed=seed)
    assert (answer, tally.runs) == (truth, lead)
    assert str(tally) == f"{lead if truth else 0} of {lead}"


@pytest.mark.parametrize(("flake", "lead"), [(0.2, 1), (0.2, 2), (0.2, 4), (0.1, 2), (0.35, 3)])
def test_the_error_stays_within_its_bound(flake, lead):
    wrong = sum(decide(lead, flake, truth=True, seed=seed)[0] is False for seed in range(4000))
    expected = error_bound(flake, lead) * 4000
    assert wrong <= expected + 4 * (expected**0.5) + 1


def test_the_bound_is_the_one_that_is_documented():
    assert [round(1 / error_bound(0.2, lead)) for lead in (1, 2, 3, 6)] == [5, 17, 65, 4097]
    assert error_bound(0.0, 1) == 0.0
