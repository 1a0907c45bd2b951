"""Few numbers, honestly compared.

The problem: a run takes half a minute, so there are three samples a side, not thirty; a mean and a threshold then call
noise a regression, and people learn to press the button again.

The idea: medians and the whole range for people, and for the decision a rank test (Wilcoxon's, Mann and Whitney's)
whose chance is counted exactly, ties included, by going through all ways in which the pooled ranks could have fallen.

What this module must not do: know what the numbers mean, or decide.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import attrs

# Above this many samples in all, the count of ways is replaced by the normal distribution, which is as good there.
EXACT_UP_TO: Final = 40


@attrs.frozen(kw_only=True)
class Spread:
    """Samples of one quantity: how many, the median and the range, all in the samples' own unit."""

    n: int
    median: float
    low: float
    high: float


def spread(samples: Sequence[float]) -> Spread | None:
    """Median and range; None when there is no sample."""
    if not samples:
        return None
    ordered = sorted(samples)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Spread(n=len(ordered), median=median, low=ordered[0], high=ordered[-1])


def chance_of_larger(before: Sequence[float], after: Sequence[float]) -> float:
    """How likely ranks of ``after`` as high as these are if both sides came from one source: one-sided, 0 to 1.

    With three samples a side the smallest possible answer is 1/20. ``chance_of_larger(after, before)`` asks the other way
    round; the two add up to more than 1 by the chance of exactly these ranks.

    Raises:
        ValueError: A side is empty: no data cannot be likely or unlikely.
    """
    if not before or not after:
        raise ValueError(f"{len(before)} and {len(after)} samples: a rank test needs at least one on each side")
    ranks = _doubled_ranks([*before, *after])
    seen = sum(ranks[len(before) :])
    if len(ranks) > EXACT_UP_TO:
        return _normal_tail(ranks, len(after), seen)
    # ways[k][s]: in how many ways k of the ranks looked at so far sum up to s
    ways: list[dict[int, int]] = [{0: 1}] + [{} for _ in after]
    for rank in ranks:
        for taken in range(len(after), 0, -1):
            for total, count in ways[taken - 1].items():
                ways[taken][total + rank] = ways[taken].get(total + rank, 0) + count
    as_high = sum(count for total, count in ways[len(after)].items() if total >= seen)
    return as_high / math.comb(len(ranks), len(after))


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value, from 2 on; equal values share the mean of their ranks. Doubled, it stays whole."""
    ranks = [0] * len(values)
    at = 1
    for _, group in groupby(sorted(range(len(values)), key=lambda index: values[index]), key=lambda i: values[i]):
        members = list(group)
        for index in members:
            ranks[index] = 2 * at + len(members) - 1
        at += len(members)
    return ranks


def _normal_tail(ranks: Sequence[int], taken: int, seen: int) -> float:
    n = len(ranks)
    mean_rank = sum(ranks) / n
    variance = sum((rank - mean_rank) ** 2 for rank in ranks) / n
    sigma = math.sqrt(taken * (n - taken) / (n - 1) * variance)
    if not sigma:
        return 1.0
    # One less in doubled ranks is the usual correction for whole numbers.
    return 0.5 * math.erfc((seen - 1 - taken * mean_rank) / sigma / math.sqrt(2))
