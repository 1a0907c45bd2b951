"""Runs as TAP 14: for pipes and for harnesses that read nothing else.

An assertion that fails in a run that is as expected is ``not ok # TODO``; what could not be judged is ``# SKIP``.
"""

from collections.abc import Iterable, Sequence

from runner.core.compare import why_not_measured
from runner.formats.words import furthest, headline, where
from runner.model.result import AssertionResult, RunResult


def results_to_tap(results: Iterable[RunResult], problems: Sequence[str] = ()) -> str:
    """One document; each run is one point for its outcome and one for each assertion, each problem one that failed."""
    points: list[str] = []
    number = 0
    for result in results:
        points += [f"# {_flat(where(result))}", f"# run {result.run_id}, furthest milestone {furthest(result)}"]
        for ok, said, directive in (_outcome(result), *(_point(result, claim) for claim in result.assertions)):
            number += 1
            suffix = f" # {directive}" if directive else ""
            points.append(f"{'ok' if ok else 'not ok'} {number} - {_flat(said)}{suffix}")
    for problem in problems:
        number += 1
        points.append(f"not ok {number} - {_flat(problem)}")
    return "\n".join(["TAP version 14", f"1..{number}", *points]) + "\n"


def _outcome(result: RunResult) -> tuple[bool, str, str]:
    said = headline(result)
    if (why := why_not_measured(result)) is not None:
        return False, f"{said} ({why})", ""
    if result.as_expected and result.verdict == "fail":
        return False, said, f"TODO expected failure, ended by {_flat(result.ended_by.detail)}"
    return result.as_expected, said, ""


def _point(result: RunResult, claim: AssertionResult) -> tuple[bool, str, str]:
    said = f"exp{result.experiment.number:02d} {claim.id}: {claim.claim}"
    if claim.verdict == "pass":
        return True, said, ""
    if claim.verdict in {"skipped", "inconclusive"}:
        return True, said, f"SKIP {claim.verdict}: {_flat(claim.evidence)}"
    return False, said, f"TODO expected failure: {_flat(claim.evidence)}" if result.as_expected else ""


def _flat(text: str) -> str:
    # A hash begins a directive, a newline the next point.
    return " ".join(text.split()).replace("#", "\\#")[:300]
