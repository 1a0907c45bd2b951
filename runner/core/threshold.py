"""How much of a fault is borne: the step of a grid between the last amount that is survived and the first that is not.

Amounts lie on a geometric grid, because twice the delay is the next question after the delay, whatever the delay is. The grid
makes them few, and the same ones again in the next search, so that runs are shared. On it: bisection.

What this module must not do: believe that more is always worse. It bisects as if it were, and says so when an answer that it
has contradicts it.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs


@attrs.frozen(kw_only=True)
class AskAmount:
    """The amount to try next."""

    amount: float


@attrs.frozen(kw_only=True)
class Threshold:
    """The end.

    Attributes:
        survived: The worst amount that is borne; None when not even the mildest is.
        lost: The mildest amount that is not borne; None when even the worst is.
        contradicted: Whether a milder amount was lost, or a worse one survived: then the threshold is no sharp one.
    """

    survived: float | None
    lost: float | None
    contradicted: bool


def grid(mildest: float, worst: float, precision: float) -> tuple[float, ...]:
    """Amounts from the mildest to the worst, both among them, each differing from the next by the same factor.

    Args:
        mildest: Where to begin; larger than ``worst`` for a quota, of which less is worse.
        worst: Where to end.
        precision: The factor between two neighbours is at most 1 + this.

    Raises:
        ValueError: A number is not above zero, or both ends are the same.
    """
    if mildest <= 0 or worst <= 0 or precision <= 0:
        raise ValueError("amounts and precision must be above zero")
    if mildest == worst:
        raise ValueError("both ends of the search are the same amount")
    steps = math.ceil(abs(math.log(worst / mildest)) / math.log1p(precision) - 1e-9)
    factor = (worst / mildest) ** (1 / steps)
    # Three digits: what a person would write, and never a different one by a rounding error.
    inner = [float(f"{mildest * factor**step:.3g}") for step in range(1, steps)]
    return tuple(dict.fromkeys((mildest, *inner, worst)))


def threshold(amounts: Sequence[float], answers: Mapping[float, bool]) -> AskAmount | Threshold:
    """The next amount to try, or the end.

    Args:
        amounts: From the mildest to the worst.
        answers: Amount -> whether the goal is reached under it.
    """
    low, high = 0, len(amounts) - 1
    for index in (low, high):
        if amounts[index] not in answers:
            return AskAmount(amount=amounts[index])
    if not answers[amounts[low]]:
        return Threshold(survived=None, lost=amounts[low], contradicted=answers[amounts[high]])
    if answers[amounts[high]]:
        return Threshold(survived=amounts[high], lost=None, contradicted=False)
    while high - low > 1:
        middle = (low + high) // 2
        answer = answers.get(amounts[middle])
        if answer is None:
            return AskAmount(amount=amounts[middle])
        low, high = (middle, high) if answer else (low, middle)
    known = [answers[amount] for amount in amounts if amount in answers]
    contradicted = any(worse and not milder for milder, worse in pairwise(known))
    return Threshold(survived=amounts[low], lost=amounts[high], contradicted=contradicted)


def most_amounts(amounts: int) -> int:
    """How many amounts are tried at most."""
    return 2 + math.ceil(math.log2(max(amounts - 1, 1)))
