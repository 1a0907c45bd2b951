"""A smallest set of units that still does it, by delta debugging.

The problem: forty units have more subsets than can ever be run, and dropping them one by one in a row misses that two may
stand in for each other.

The idea: Zeller's ddmin, by complements alone: take pieces away, and halve the pieces when none can be spared. What is left is
1-minimal: no single unit of it can be spared. (Trying the pieces by themselves as well, as ddmin does, is dropped: nothing
starts with a tenth of its workarounds, and each such run would only have measured that.)

It is written as a function of the answers that are there: it says what it needs to know next. So a search that was killed
goes on where it was, answers of another search count, and several arenas can be asked at once.
"""

import itertools
from collections.abc import Mapping, Sequence

import attrs

Answers = Mapping[frozenset[str], bool]
"""Kept units -> whether the goal is reached with them."""


@attrs.frozen(kw_only=True)
class Ask:
    """Sets that the search would go on with, the most wanted first; one answer at least is needed.

    The first whose goal is reached decides, so the answer to a later one may turn out not to be needed.
    """

    sets: tuple[frozenset[str], ...]


@attrs.frozen(kw_only=True)
class Minimal:
    """The end: no unit of ``kept`` can be spared."""

    kept: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Hopeless:
    """The end: not even all of it reaches the goal."""


def minimize(units: Sequence[str], answers: Answers) -> Ask | Minimal | Hopeless:
    """The next question, or the end.

    Args:
        units: All of them. Of two that could stand in for each other one is left; which one is not promised.
        answers: What is known so far.
    """
    everything = frozenset(units)
    if everything not in answers:
        return Ask(sets=(everything,))
    if not answers[everything]:
        return Hopeless()
    kept = list(units)
    pieces = 2
    while kept:
        pieces = min(pieces, len(kept))
        smaller = _spared(kept, pieces, answers)
        match smaller:
            case Ask():
                return smaller
            case None if pieces == len(kept):
                return Minimal(kept=tuple(kept))
            case None:
                pieces *= 2
            case list():
                kept = smaller
                pieces = max(pieces - 1, 2)
    return Minimal(kept=())


def most_questions(units: int) -> int:
    """How many sets are asked about at most: Zeller's bound for ddmin."""
    return units * units + 3 * units + 1


def _spared(kept: list[str], pieces: int, answers: Answers) -> Ask | list[str] | None:
    """What is left without the first piece that can be spared; None when none can be."""
    open_sets = []
    for piece in _split(kept, pieces):
        rest = [unit for unit in kept if unit not in piece]
        answer = answers.get(frozenset(rest))
        if answer is None:
            open_sets.append(frozenset(rest))
        elif answer and not open_sets:
            return rest
    return Ask(sets=tuple(open_sets)) if open_sets else None


def _split(kept: list[str], pieces: int) -> list[set[str]]:
    edges = [round(index * len(kept) / pieces) for index in range(pieces + 1)]
    return [set(kept[start:end]) for start, end in itertools.pairwise(edges)]
