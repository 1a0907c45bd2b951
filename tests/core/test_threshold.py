"""Bisection on a grid of amounts: the right step, few runs, and no belief in what the answers contradict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.threshold import AskAmount, Threshold, grid, most_amounts, threshold


def search(amounts, survives):
    answers = {}
    while isinstance(state := threshold(amounts, answers), AskAmount):
        assert state.amount not in answers
        answers[state.amount] = survives(state.amount)
    return state, len(answers)


@given(st.floats(0.001, 1), st.floats(1.5, 1000), st.floats(0.05, 1), st.booleans())
def test_a_grid_goes_from_end_to_end_in_even_steps_no_larger_than_asked_for(mildest, times, precision, less_is_worse):
    ends = (mildest * times, mildest) if less_is_worse else (mildest, mildest * times)
    amounts = grid(*ends, precision)
    assert (amounts[0], amounts[-1]) == ends
    assert list(amounts) == sorted(amounts, reverse=less_is_worse)
    for one, other in zip(amounts, amounts[1:], strict=False):
        assert max(one, other) / min(one, other) <= (1 + precision) * 1.02  # three digits are kept


@given(st.integers(0, 40), st.integers(2, 40))
def test_the_step_between_survived_and_lost_is_found_in_logarithmically_many_amounts(limit, size):
    amounts = tuple(float(amount) for amount in range(1, size + 1))
    state, asked = search(amounts, lambda amount: amount <= limit)
    below = [amount for amount in amounts if amount <= limit]
    above = [amount for amount in amounts if amount > limit]
    assert state == Threshold(
        survived=below[-1] if below else None, lost=above[0] if above else None, contradicted=False
    )
    assert asked <= most_amounts(size)


@given(st.lists(st.booleans(), min_size=2, max_size=20))
def test_whatever_the_truth_the_interval_is_one_that_was_seen(truth):
    amounts = tuple(float(amount) for amount in range(1, len(truth) + 1))
    state, _ = search(amounts, lambda amount: truth[int(amount) - 1])
    if state.survived is not None:
        assert truth[int(state.survived) - 1]
    if state.lost is not None:
        assert not truth[int(state.lost) - 1]
    if state.survived is not None and state.lost is not None:
        assert state.lost == state.survived + 1


def test_an_answer_that_contradicts_the_order_is_said():
    answers = {1.0: True, 2.0: False, 3.0: True, 4.0: False}
    assert threshold((1.0, 2.0, 3.0, 4.0), answers) == Threshold(survived=1.0, lost=2.0, contradicted=True)


@pytest.mark.parametrize("ends", [(0, 1, 0.5), (1, -1, 0.5), (1, 2, 0), (1, 1, 0.5)])
def test_a_grid_of_nothing_is_refused(ends):
    with pytest.raises(ValueError, match=r"above zero|same amount"):
        grid(*ends)
