"""One column of a comparison, and what its repeats say together.

The problem: a run that was killed says nothing, one repeat may tell what another could not, and repeats may disagree. Each
needs a word of its own, or a comparison calls noise a change.

What this module must not do: compare two sides with each other, except for the mark of two states.
"""

from collections.abc import Sequence
from typing import Literal

import attrs

from runner.core.compared import Mark
from runner.model.result import RunResult

State = Literal["good", "bad", "unknown", "flaky"]


@attrs.frozen(kw_only=True)
class Side:
    """What stands in one column: a name and the results behind it, repeats of the same run."""

    label: str
    results: tuple[RunResult, ...] = attrs.field(validator=attrs.validators.min_len(1))

    @property
    def measured(self) -> tuple[RunResult, ...]:
        """The results that say something about the workload."""
        return tuple(result for result in self.results if why_not_measured(result) is None)


def why_not_measured(result: RunResult) -> str | None:
    """Why a result says nothing about the workload; None when it does."""
    if result.state != "finished":
        return "did not finish: still running, or killed"
    if result.ended_by.reason in {"interrupted", "harness-error"}:
        return f"ended by {result.ended_by.reason}: {result.ended_by.detail}"
    if result.verdict in {"error", "skipped"}:
        return f"verdict {result.verdict}: {result.ended_by.detail}"
    if not any(rung.reached for rung in result.milestones):
        return "no milestone was reached: nothing was measured"
    return None


def together(states: Sequence[State]) -> State:
    """The state of a side from those of its repeats; what one repeat cannot tell, the others may."""
    known = {state for state in states if state != "unknown"}
    if not known:
        return "unknown"
    return known.pop() if len(known) == 1 else "flaky"


def mark_of(before: State, after: State) -> Mark:
    """What became of one thing between two states."""
    if "flaky" in {before, after}:
        return "flaky"
    if before == after:
        return "same"
    if "unknown" in {before, after}:
        return "unknown"
    return "broke" if after == "bad" else "fixed"


def marks_of(states: Sequence[State]) -> tuple[Mark, ...]:
    """The mark of each side against the first."""
    return ("same", *(mark_of(states[0], state) for state in states[1:]))


def in_words(said: Sequence[str]) -> str:
    """What the repeats of a side say, once if they agree, else each with how many say so."""
    counts = {word: said.count(word) for word in dict.fromkeys(said)}
    if not counts:
        return "nothing measured"
    return (
        next(iter(counts))
        if len(counts) == 1
        else ", ".join(f"{word} ({n} of {len(said)})" for word, n in counts.items())
    )
