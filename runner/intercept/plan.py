"""What the launcher is told: one JSON document, read once from a pipe.

The launcher starts inside a sandbox where every import costs milliseconds, so this is written by hand instead of with the
converter that the rest of the project uses. Unknown keys are refused: a newer plan must never be half understood.
"""

import json
from typing import Any, Literal, TypeVar, get_args

import attrs

from runner.model.check import absolute_path
from runner.model.view import StatfsSpoof, View, ViewFile, ViewTree

MechanismName = Literal["none", "mount", "seccomp", "syscall"]

Record = TypeVar("Record")


class PlanError(ValueError):
    """A document is no plan; the message says what is wrong where."""


@attrs.frozen(kw_only=True)
class Delay:
    """A fault: hold chosen system calls back before they run.

    Attributes:
        syscalls: Names, e.g. ``pread64``.
        path_prefix: Only calls on this path or below it, by name or through a descriptor; empty means all.
        seconds: For how long. Only the calling thread is held, all others go on.
        on_request: Only once the launcher was sent SIGUSR1.
    """

    syscalls: tuple[str, ...]
    path_prefix: str = ""
    seconds: float
    on_request: bool = False


def _known_mechanism(_instance: object, _attribute: object, value: str) -> None:
    if value not in get_args(MechanismName):
        raise ValueError(f"mechanism {value!r} is unknown; one of {', '.join(get_args(MechanismName))}")


def _not_empty(_instance: object, _attribute: object, value: tuple[str, ...]) -> None:
    if not value:
        raise ValueError("argv is empty; it needs at least the program")


@attrs.frozen(kw_only=True)
class LaunchPlan:
    """Everything that the launcher needs to know.

    Attributes:
        mechanism: How the view is applied; with ``mount`` and ``none`` the launcher itself changes nothing.
        argv: Command line; a program without a slash is looked for on the PATH of ``env``.
        env: The complete environment.
        cwd: Directory that the workload starts in.
        view: The table to apply.
        layer: Directory that holds the materialised view: ``/proc/sys/x`` is ``LAYER/proc/sys/x``.
        observe: Paths whose use is reported and not changed.
        delays: Faults.
    """

    mechanism: MechanismName = attrs.field(validator=_known_mechanism)
    argv: tuple[str, ...] = attrs.field(validator=_not_empty)
    env: dict[str, str]
    cwd: str = attrs.field(default="/", validator=absolute_path)
    view: View = attrs.field(factory=View)
    layer: str = attrs.field(validator=absolute_path)
    observe: tuple[str, ...] = ()
    delays: tuple[Delay, ...] = ()


def to_json(plan: LaunchPlan) -> str:
    """A plan as one JSON document."""
    return json.dumps(attrs.asdict(plan), separators=(",", ":"))


def from_json(text: str) -> LaunchPlan:
    """The plan of a document.

    Raises:
        PlanError: It is none.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PlanError(f"the plan is not JSON: {error}") from error
    fields = _fields(document, LaunchPlan, "plan")
    fields["view"] = _view(fields.get("view", {}))
    fields["delays"] = tuple(
        _build(
            Delay,
            {**_fields(delay, Delay, "plan.delays"), "syscalls": _strings(delay.get("syscalls"), "delays.syscalls")},
            "plan.delays",
        )
        for delay in _list(fields.get("delays", []), "plan.delays")
    )
    for name in ("argv", "observe"):
        if name in fields:
            fields[name] = _strings(fields[name], f"plan.{name}")
    env = fields.get("env")
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise PlanError("plan.env: expected an object of strings")
    return _build(LaunchPlan, fields, "plan")


def _view(document: Any) -> View:  # noqa: ANN401  parsed JSON
    fields = _fields(document, View, "plan.view")
    for name, kind in (("trees", ViewTree), ("files", ViewFile), ("statfs", StatfsSpoof)):
        where = f"plan.view.{name}"
        fields[name] = tuple(
            _build(kind, _fields(entry, kind, where), where) for entry in _list(fields.get(name, []), where)
        )
    fields["holds_back"] = {
        part: _strings(held, "view.holds_back") for part, held in fields.get("holds_back", {}).items()
    }
    return _build(View, fields, "plan.view")


def _fields(document: Any, kind: type[Any], where: str) -> dict[str, Any]:  # noqa: ANN401  parsed JSON
    if not isinstance(document, dict):
        raise PlanError(f"{where}: expected an object, found {type(document).__name__}")
    unknown = set(document) - {field.name for field in attrs.fields(kind)}
    if unknown:
        raise PlanError(f"{where}: unknown keys {sorted(unknown)}; was the plan written by a newer version?")
    return dict(document)


def _list(value: Any, where: str) -> list[Any]:  # noqa: ANN401  parsed JSON
    if not isinstance(value, list):
        raise PlanError(f"{where}: expected a list, found {type(value).__name__}")
    return value


def _strings(value: Any, where: str) -> tuple[str, ...]:  # noqa: ANN401  parsed JSON
    items = _list(value, where)
    if not all(isinstance(item, str) for item in items):
        raise PlanError(f"{where}: expected strings, found {value!r}")
    return tuple(items)


def _build(kind: type[Record], fields: dict[str, Any], where: str) -> Record:
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise PlanError(f"{where}: {error}") from error
