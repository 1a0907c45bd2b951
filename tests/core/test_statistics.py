"""Ranks are counted, not approximated, where samples are few."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.statistics import chance_of_larger, spread

FEW = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=5)


def counted(before: list[float], after: list[float]) -> float:
    """The definition: of all ways to choose who is ``after``, the share with ranks as high as seen."""
    pool = [*before, *after]
    ordered = sorted(pool)
    rank = {value: sum(i for i, v in enumerate(ordered) if v == value) / ordered.count(value) for value in pool}
    seen = sum(rank[value] for value in after)
    ways = list(combinations(pool, len(after)))
    return sum(sum(rank[value] for value in way) >= seen - 1e-9 for way in ways) / len(ways)


@given(before=FEW, after=FEW)
def test_the_chance_is_the_share_of_all_ways_ties_included(before: list[float], after: list[float]) -> None:
    assert chance_of_larger(before, after) == pytest.approx(counted(before, after))


def test_three_against_three_can_prove_one_in_twenty_and_no_more() -> None:
    assert chance_of_larger([1, 2, 3], [4, 5, 6]) == pytest.approx(1 / 20)
    assert chance_of_larger([4, 5, 6], [1, 2, 3]) == 1.0


def test_many_samples_agree_with_the_exact_count_on_their_edge() -> None:
    before, after = [float(i) for i in range(20)], [i + 4.5 for i in range(20)]
    exact = chance_of_larger(before, after)
    approximate = chance_of_larger([*before, 9.6], [*after, 14.1])
    assert approximate == pytest.approx(exact, abs=0.02)
    assert 0 < exact < 0.05


def test_equal_samples_prove_nothing() -> None:
    assert chance_of_larger([2.0] * 30, [2.0] * 30) == 1.0


@pytest.mark.parametrize(("before", "after"), [([], [1.0]), ([1.0], [])])
def test_no_samples_are_refused(before: list[float], after: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        chance_of_larger(before, after)


def test_a_spread_is_the_median_and_the_whole_range() -> None:
    found = spread([3.0, 1.0, 2.0, 10.0])
    assert found is not None
    assert (found.n, found.low, found.median, found.high) == (4, 1.0, 2.5, 10.0)
    assert spread([]) is None
