"""What is different between two columns: outcomes, and beside them what the arena's probes found.

Compared are neighbouring builds, each on its usual platform, and the other platforms of a build with its usual one.

What this module must not do: say that one caused the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from runner.core.cell import Attempt
from runner.core.matrix import Column, Plan

Facts = Mapping[tuple[str, str], Mapping[str, str]]
"""By the build's version and the platform: name of a probe -> what was found."""

MISSING: Final[Mapping[str, str]] = {}


@attrs.frozen(kw_only=True)
class Differs:
    """One experiment that came out otherwise, with the attempts that stand for both sides."""

    experiment: str
    before: Attempt
    after: Attempt


@attrs.frozen(kw_only=True)
class Change:
    """What is different between two columns, for one workload, where all else is the same.

    Attributes:
        before: The older column, or the usual platform.
        after: The newer one, or the other platform.
        compared: How many experiments ran in both.
        outcomes: Those whose furthest milestone, fatal blockers or failed claims differ.
        gone: Blockers that only the first shows in experiments that both ran.
        new: Likewise the second.
        facts: Facts of the arena that differ: name, before, after.
        explained: What is known of it, in words.
    """

    before: Column
    after: Column
    compared: int
    outcomes: tuple[Differs, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    explained: tuple[str, ...]


def changes(plan: Plan, standing: Sequence[tuple[str, Sequence[Attempt | None]]], facts: Facts) -> Iterable[Change]:
    """All of them, in the columns' order; pairs of columns without a common run are left out.

    Args:
        plan: The matrix.
        standing: Experiments with the attempt that stands for each column.
        facts: Facts of the arenas.
    """
    told: set[str] = set()
    for number, after in enumerate(plan.columns):
        before = _compared_with(plan.columns[:number], after)
        if before is None:
            continue
        old = plan.columns.index(before)
        pairs = [
            Differs(experiment=name, before=first, after=second)
            for name, row in standing
            if (first := row[old]) is not None and (second := row[number]) is not None
        ]
        if not pairs:
            continue
        # A sandbox that did not start meets no blocker, and shows none gone.
        ran = [pair for pair in pairs if {pair.before.outcome.ending, pair.after.outcome.ending} == {"ran"}]
        seen_before = {blocker for pair in ran for blocker in blockers_of(pair.before)}
        seen_after = {blocker for pair in ran for blocker in blockers_of(pair.after)}
        yield Change(
            before=before,
            after=after,
            compared=len(pairs),
            outcomes=tuple(pair for pair in pairs if pair.before.outcome.in_short != pair.after.outcome.in_short),
            gone=tuple(sorted(seen_before - seen_after)),
            new=tuple(sorted(seen_after - seen_before)),
            facts=_differing(*(facts.get((one.build.version, one.platform), MISSING) for one in (before, after))),
            # Once a pair of builds, at the first workload that both ran.
            explained=tuple(
                one.text
                for one in plan.explained
                if (one.before, one.after) == (before.build.name, after.build.name) and one.text not in told
            ),
        )
        told.update(
            one.text for one in plan.explained if (one.before, one.after) == (before.build.name, after.build.name)
        )


def _compared_with(earlier: Sequence[Column], after: Column) -> Column | None:
    like = [
        one
        for one in earlier
        if one.usual
        and (one.workload, one.mechanism) == (after.workload, after.mechanism)
        # Another platform is compared with the usual one of its own build, a build with the one before it.
        and (one.build == after.build) != after.usual
    ]
    return like[-1] if like else None


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    # A side without any facts was not probed: that everything differs from nothing says nothing.
    if not before or not after:
        return ()
    names = dict.fromkeys((*before, *after))
    pairs = ((name, before.get(name, "not probed"), after.get(name, "not probed")) for name in names)
    return tuple((name, old, new) for name, old, new in pairs if old != new)


def blockers_of(attempt: Attempt) -> tuple[str, ...]:
    """Every blocker that an attempt met, fatal ones first."""
    return (*attempt.outcome.fatal, *attempt.outcome.degrading)
