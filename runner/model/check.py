"""Validators for declarations: each error names the field, the value and what to write instead."""

import posixpath
import re
from typing import Any

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _place(instance: object, attribute: Any) -> str:  # noqa: ANN401  attrs gives its generic Attribute here
    return f"{type(instance).__name__}.{attribute.name}"


def absolute_path(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401
    """Accept an absolute, normalised path."""
    if not value.startswith("/") or "\0" in value:
        raise ValueError(f"{_place(instance, attribute)}: {value!r} is not an absolute path; start it with '/'")
    if posixpath.normpath(value) != value or value.startswith("//"):
        raise ValueError(
            f"{_place(instance, attribute)}: {value!r} is not normalised; write {posixpath.normpath(value)!r}"
        )


def slug(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401
    """Accept lower-case words joined by single hyphens, as used for ids in results and on the command line."""
    if not SLUG.fullmatch(value):
        raise ValueError(f"{_place(instance, attribute)}: {value!r} is not an id; use lower-case words joined by '-'")


def not_empty(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401
    """Accept any text but the empty one."""
    if not value.strip():
        raise ValueError(f"{_place(instance, attribute)}: must not be empty")


def positive(instance: object, attribute: Any, value: float) -> None:  # noqa: ANN401
    """Accept numbers above zero."""
    if value <= 0:
        raise ValueError(f"{_place(instance, attribute)}: {value!r} must be above zero")


def identifier(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401
    """Accept the name of an environment variable."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{_place(instance, attribute)}: {value!r} is not the name of an environment variable")
