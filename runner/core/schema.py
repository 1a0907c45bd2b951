"""The JSON Schema of ``result.json``, made from the records themselves, so that it cannot say anything else.

What this module must not do: know the records. It reads their type hints, and refuses a hint it has no word for.
"""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from runner.model.result import SCHEMA_VERSION, RunResult

_PLAIN: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def result_schema() -> dict[str, Any]:
    """The schema, as plain values for JSON (draft 2020-12)."""
    definitions: dict[str, Any] = {}
    schema = _record(RunResult, definitions)
    schema["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"result.json, version {SCHEMA_VERSION}",
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


def _record(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    fields = attrs.fields(kind)
    return {
        "description": " ".join((kind.__doc__ or "").split("\n\n")[0].split()),
        "type": "object",
        "properties": {field.name: _of(hints[field.name], definitions) for field in fields},
        # What a record gained later has a default, and older files lack it.
        "required": [
            field.name for field in fields if field.default is attrs.NOTHING or field.name == "schema_version"
        ],
        "additionalProperties": False,
    }


def _of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401  any hint
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if attrs.has(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # stands in while the record is looked at, should it name itself
            definitions[hint.__name__] = _record(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return {"type": "array", "items": _of(arguments[0], definitions)}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if origin in {UnionType, Union}:
        return {"anyOf": [_of(argument, definitions) for argument in arguments]}
    raise TypeError(f"no word in JSON Schema for {hint!r}; add one to runner/core/schema.py")
