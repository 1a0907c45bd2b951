"""Exit codes of the command line; a contract that CI relies on."""

from enum import IntEnum

from runner.model.result import RunResult


class ExitCode(IntEnum):
    """What the process says at its end."""

    AS_EXPECTED = 0
    UNEXPECTED = 1
    HARNESS = 2
    NOTHING_RUN = 3
    SKIPPED = 4
    USAGE = 64
    INTERRUPTED = 130


def exit_code(results: tuple[RunResult, ...]) -> ExitCode:
    """The worst of several results; no result at all is never a success."""
    if not results:
        return ExitCode.NOTHING_RUN
    codes = {_one(result) for result in results}
    order = (
        ExitCode.INTERRUPTED,
        ExitCode.HARNESS,
        ExitCode.UNEXPECTED,
        ExitCode.NOTHING_RUN,
        ExitCode.SKIPPED,
        ExitCode.AS_EXPECTED,
    )
    return next(code for code in order if code in codes)


def _one(result: RunResult) -> ExitCode:
    if result.ended_by.reason == "interrupted":
        return ExitCode.INTERRUPTED
    if result.verdict == "error":
        return ExitCode.HARNESS
    if result.verdict == "skipped":
        return ExitCode.SKIPPED
    if all(not rung.reached for rung in result.milestones):
        return ExitCode.NOTHING_RUN
    return ExitCode.AS_EXPECTED if result.as_expected else ExitCode.UNEXPECTED
