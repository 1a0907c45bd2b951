"""Records to JSON and back: plans, events and results.

Kinds of a closed set carry their class name under ``type``. Unknown keys are refused, so that a newer file is never half
understood; older schema versions are upgraded here, one function a version.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import cattrs
from cattrs.strategies import configure_tagged_union

from runner.model.assertion import AnyAssertion
from runner.model.events import AnyEvent
from runner.model.experiment import Experiment
from runner.model.fault import AnyFault
from runner.model.plan import RunPlan
from runner.model.result import SCHEMA_VERSION, RunResult
from runner.model.step import AnyStep

Record = TypeVar("Record")


class FormatError(ValueError):
    """A document is not what it should be; the message says what and where."""


# What cattrs lets through from below when a document has the wrong shape.
_NOT_OF_THE_FORM = (ValueError, KeyError, TypeError, AttributeError, cattrs.BaseValidationError)


@cache
def _converter(*, brief: bool = False) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True, omit_if_default=brief)
    for union in (AnyStep, AnyAssertion, AnyFault, AnyEvent):
        configure_tagged_union(union, converter, tag_name="type")
    return converter


def event_to_line(event: AnyEvent) -> str:
    """One event as one line of JSON, without the newline."""
    return json.dumps(_converter().unstructure(event, unstructure_as=AnyEvent), separators=(",", ":"))


def event_from_line(line: str) -> AnyEvent:
    """The event of one line.

    Raises:
        FormatError: The line is no event.
    """
    try:
        return _converter().structure(json.loads(line), AnyEvent)  # type: ignore[arg-type]  # mypy has no form for a union of classes here
    except _NOT_OF_THE_FORM as error:
        raise FormatError(f"no event: {line[:200]!r} ({_reason(error)})") from error


def plan_to_json(plan: RunPlan) -> str:
    """A plan as one line of JSON."""
    return json.dumps(_converter().unstructure(plan), separators=(",", ":"))


def plan_from_json(text: str) -> RunPlan:
    """The plan of a JSON document.

    Raises:
        FormatError: It is no plan.
    """
    try:
        return _converter().structure(json.loads(text), RunPlan)
    except _NOT_OF_THE_FORM as error:
        raise FormatError(f"no plan: {_reason(error)}") from error


def result_to_json(result: RunResult) -> str:
    """A result as an indented document, ending in a newline."""
    return json.dumps(_converter().unstructure(result), indent=2) + "\n"


def check_declared(experiment: Experiment) -> None:
    """Find values that no run could be made of, such as a milestone or a mechanism that there is none of.

    Raises:
        FormatError: There is one; the message says where.
    """
    converter = _converter()
    try:
        converter.structure(converter.unstructure(experiment), Experiment)
    except _NOT_OF_THE_FORM as error:
        raise FormatError(_reason(error)) from error


def results_to_json(results: Iterable[RunResult]) -> str:
    """Several results as one document: a list."""
    return json.dumps([_converter().unstructure(result) for result in results], indent=2) + "\n"


def result_from_json(text: str) -> RunResult:
    """The result of a JSON document.

    Raises:
        FormatError: It is no result, is truncated, or was written by a newer version of the tool.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise FormatError(
            f"not JSON, perhaps cut off ({error}); name another file, or run the experiment again"
        ) from error
    if not isinstance(document, dict) or "schema_version" not in document:
        raise FormatError("no schema_version: not a result of this tool; name a run's directory or its result.json")
    version = document["schema_version"]
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise FormatError(
            f"schema_version {version!r} is newer than this tool's {SCHEMA_VERSION}; update the tool to read it"
        )
    try:
        return _converter().structure(document, RunResult)
    except _NOT_OF_THE_FORM as error:
        raise FormatError(f"not a result of schema version {version}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, cattrs.BaseValidationError):
        said = "; ".join(cattrs.transform_error(error))
        return f"{said}; written by a newer version of this tool? then update it" if "extra fields" in said else said
    return str(error) or type(error).__name__


def to_plain(record: Any) -> Any:  # noqa: ANN401  any record in, plain JSON values out
    """Any record of the model as plain dicts, lists and values."""
    return _converter().unstructure(record)


def to_brief(record: Any) -> Any:  # noqa: ANN401
    """Like :func:`to_plain`, without what has its default value: a field that is added later changes nothing in it."""
    return _converter(brief=True).unstructure(record)


def to_json(record: object) -> str:
    """Any record of the model or the core as an indented document, ending in a newline."""
    return json.dumps(to_plain(record), indent=2) + "\n"


def from_json(text: str, kind: type[Record]) -> Record:
    """The record of a JSON document.

    Raises:
        FormatError: It is not of that kind.
    """
    try:
        return _converter().structure(json.loads(text), kind)
    except _NOT_OF_THE_FORM as error:
        raise FormatError(f"no {kind.__name__.lower()}: {_reason(error)}") from error
