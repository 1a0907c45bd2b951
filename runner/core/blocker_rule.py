"""The shape of one row in the table of blockers; the rows are in ``blocker_rules`` and its parts."""

import re
from typing import Any, Final, Literal

import attrs

from runner.model.check import not_empty, slug
from runner.model.kinds import Milestone

Severity = Literal["critical", "major", "minor"]

FIELD_NOTES: Final = "field notes, quoted"
ORIGINAL: Final = "original series, quoted"
MATRIX: Final = "the matrix (results/matrix), quoted"
FAULTS: Final = "a run under a fault (results/why), quoted"
UPSTREAM_RUNS: Final = "workload kubernetes, quoted"


def _pattern(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401  attrs' own generic type
    where = f"{type(instance).__name__}.{attribute.name}"
    try:
        compiled = re.compile(value)
    except re.error as error:
        raise ValueError(f"{where}: {value!r} is not a regular expression: {error}") from error
    if compiled.search(""):
        raise ValueError(f"{where}: {value!r} matches the empty line; ask for some text")


@attrs.frozen(kw_only=True)
class BlockerRule:
    """A known cause of failure and what is known about it.

    Attributes:
        id: Name in results, on the command line and in the docs; the original series' name where it has one.
        component: Who fails, in the words of its own project.
        fatal: ``lies_before`` is not reached in this run any more: the process ends, or it repeats the failure for
            ever. False: something is lost or slow, and start-up goes on.
        severity: critical: no usable node or pod; major: a feature is lost; minor: cosmetic or of the environment.
        lies_before: The first milestone that cannot be reached with this blocker (for a degrading one: the first that
            lies behind the place where it shows). Reaching it, or one of ``milestones.BEYOND`` it, proves that the
            place was passed.
        keys: Whole words, of three letters or more, of which every matching line holds at least one. Only lines with
            such a word are tried against the pattern, so the matcher's cost does not grow with the table: choose rare
            words.
        pattern: Regular expression, searched in the whole line, escaped newlines and tabs taken as blanks. It
            describes the failure, not the thing that fails.
        unless: A line that matches this as well is not meant: the same words in a harmless context.
        symptom: What a user sees.
        cause: Why, and how sure that is.
        workaround: What overcomes it, and at what price.
        advice: The workaround in one line, for tables.
        links: Upstream threads.
        gone_in: From which release on it does not happen; empty when no such release is known.
        seen_in: Recorded logs that hold it (a name without ``.log``), else where its wording was quoted.
        of_speed: It tells of slowness, not of something missing, and so comes and goes with the machine's load. Its
            coming is a question and no regression: times have a test of their own.
    """

    id: str = attrs.field(validator=slug)
    component: str = attrs.field(validator=not_empty)
    fatal: bool
    severity: Severity
    lies_before: Milestone
    keys: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    pattern: str = attrs.field(validator=_pattern)
    unless: str | None = attrs.field(default=None, validator=attrs.validators.optional(_pattern))
    symptom: str = attrs.field(validator=not_empty)
    cause: str = attrs.field(validator=not_empty)
    workaround: str = attrs.field(validator=not_empty)
    advice: str = attrs.field(validator=not_empty)
    links: tuple[str, ...] = ()
    gone_in: str = ""
    seen_in: tuple[str, ...] = ()
    of_speed: bool = False

    @keys.validator
    def _check_keys(self, _: object, value: tuple[str, ...]) -> None:
        for key in value:
            if not re.fullmatch(r"[A-Za-z_]\w{2,}", key):
                raise ValueError(
                    f"BlockerRule.keys of {self.id}: {key!r} is not one word of three letters or more; "
                    f"use letters, digits and '_', a letter first"
                )
