"""Disturbances that an experiment declares or a run is given: data only, like the steps.

A fault is never part of what makes a workload run; it is what the workload has to bear. The kinds are a closed set, and
each has at most one number that says how bad it is, so that a search can look for the worst that is survived.
"""

import re
from typing import Any

import attrs

from runner.model.check import absolute_path, not_empty, positive, slug


def _pattern(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401  attrs gives its generic Attribute here
    where = f"{type(instance).__name__}.{attribute.name}"
    try:
        matches_nothing = re.compile(value).search("")
    except re.error as error:
        raise ValueError(f"{where}: {value!r} is not a regular expression: {error}") from error
    if matches_nothing:
        raise ValueError(f"{where}: {value!r} matches the empty line; ask for some text")


def _no_or_a_pattern(instance: object, attribute: Any, value: str) -> None:  # noqa: ANN401
    if value:
        _pattern(instance, attribute, value)


def _calls(_instance: object, _attribute: object, value: tuple[str, ...]) -> None:
    if not value or not all(re.fullmatch(r"[a-z0-9_]+", name) for name in value):
        raise ValueError(f"SlowDisk.calls: {value!r} is no list of system calls; name at least one, e.g. 'pread64'")


def _paths(instance: object, attribute: Any, value: tuple[str, ...]) -> None:  # noqa: ANN401
    for path in value:
        absolute_path(instance, attribute, path)


@attrs.frozen(kw_only=True)
class Fault:
    """One disturbance; only its kinds below are ever used.

    Attributes:
        id: Name in results and for ``--fault``.
        reason: What in the world it stands for.
    """

    id: str = attrs.field(validator=slug)
    reason: str = attrs.field(validator=not_empty)


@attrs.frozen(kw_only=True)
class SlowDisk(Fault):
    """Each of some system calls is held back before it runs; only the calling thread waits.

    Attributes:
        calls: Names of system calls, e.g. ``pread64``.
        below: Only calls on these paths or below them, by name or through a descriptor; empty means all.
        delay_s: Seconds per call.
        at: Regular expression: the delays begin with the first line of any log that matches; empty means from the start.
    """

    calls: tuple[str, ...] = attrs.field(validator=_calls)
    below: tuple[str, ...] = attrs.field(default=(), validator=_paths)
    delay_s: float = attrs.field(validator=positive)
    at: str = attrs.field(default="", validator=_no_or_a_pattern)


@attrs.frozen(kw_only=True)
class CpuQuota(Fault):
    """The whole sandbox, interceptor and gVisor included, gets so much of one processor's time.

    Attributes:
        percent: Of one processor; 150 is one and a half.
    """

    percent: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class MemoryLimit(Fault):
    """The whole sandbox, what it writes to its root included, gets so much memory.

    Attributes:
        mib: In MiB.
    """

    mib: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class Pause(Fault):
    """Stop processes (SIGSTOP) when a line appears, and let them go on later.

    Attributes:
        at: Regular expression, searched in every line of every log; its first match acts, once.
        component: Name of a program, e.g. ``containerd``; empty means every process of the workload.
        for_s: Seconds.
    """

    at: str = attrs.field(validator=_pattern)
    component: str = ""
    for_s: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class Kill(Fault):
    """Kill (SIGKILL) the processes of one program when a line appears.

    Attributes:
        at: As :attr:`Pause.at`.
        component: Name of a program, e.g. ``containerd``.
    """

    at: str = attrs.field(validator=_pattern)
    component: str = attrs.field(validator=not_empty)


AnyFault = SlowDisk | CpuQuota | MemoryLimit | Pause | Kill

_SCALE: dict[str, tuple[str, float]] = {
    "ms": ("s", 0.001),
    "s": ("s", 1),
    "%": ("%", 1),
    "MiB": ("MiB", 1),
    "GiB": ("MiB", 1024),
}
_WRITTEN_AMOUNT = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|%|MiB|GiB)")

_SHOWN_AMOUNT = re.compile(r"(?:^|stopped for )(?P<number>\d+(?:\.\d+)?) (?P<unit>ms|s|%|MiB)\b")


def amount_of(fault: AnyFault) -> tuple[float, str] | None:
    """How bad it is, and in what (``s``, ``%`` of one processor, ``MiB``); None for a kind without a number."""
    match fault:
        case SlowDisk(delay_s=delay_s):
            return delay_s, "s"
        case CpuQuota(percent=percent):
            return percent, "%"
        case MemoryLimit(mib=mib):
            return mib, "MiB"
        case Pause(for_s=for_s):
            return for_s, "s"
        case Kill():
            return None


def with_amount(fault: AnyFault, amount: float) -> AnyFault:
    """The same fault, so bad, in the unit that :func:`amount_of` names.

    Raises:
        ValueError: The kind has no such number, or the number makes no sense for it.
    """
    match fault:
        case SlowDisk():
            return attrs.evolve(fault, delay_s=amount)
        case CpuQuota():
            return attrs.evolve(fault, percent=amount)
        case MemoryLimit():
            return attrs.evolve(fault, mib=amount)
        case Pause():
            return attrs.evolve(fault, for_s=amount)
        case Kill():
            raise ValueError(f"fault {fault.id} has no number that could be changed")


def written_amount(fault: AnyFault, text: str) -> float:
    """An amount as people write it (``80ms``, ``40%``, ``1.5GiB``), in the fault's own unit.

    Raises:
        ValueError: It is none, or not of this fault's kind.
    """
    known = amount_of(fault)
    if known is None:
        raise ValueError(f"fault {fault.id} has no number that could be changed")
    match = _WRITTEN_AMOUNT.fullmatch(text)
    unit, scale = _SCALE[match["unit"]] if match else ("", 1.0)
    if match is None or unit != known[1]:
        forms = ", ".join(name for name, (kind, _) in _SCALE.items() if kind == known[1])
        raise ValueError(f"{text!r} is no amount for fault {fault.id}; write a number and one of {forms}")
    return float(match["number"]) * scale


def words_for(described: str) -> tuple[str, ...]:
    """What ``--fault`` has to be given to get faults again that :func:`describe` described, joined by ``; ``."""
    return tuple(
        name + (f"={match['number']}{match['unit']}" if (match := _SHOWN_AMOUNT.search(rest)) else "")
        for name, _, rest in (one.partition(": ") for one in described.split("; ") if one)
    )


def show_amount(amount: float, unit: str) -> str:
    """``80 ms``, ``1.5 s``, ``40 %``, ``512 MiB``."""
    if unit == "s" and amount < 1:
        return f"{amount * 1000:.4g} ms"
    return f"{amount:.4g} {unit}"


def describe(fault: AnyFault) -> str:
    """The fault in a few words, numbers included: what stands in results and tables."""
    shown = show_amount(*amount) if (amount := amount_of(fault)) else ""
    match fault:
        case SlowDisk(calls=calls, below=below, at=at):
            where = f" below {' '.join(below)}" if below else ""
            since = f" from /{at}/ on" if at else ""
            return f"{fault.id}: {shown} per {' '.join(calls)}{where}{since}"
        case CpuQuota():
            return f"{fault.id}: {shown} of one processor"
        case MemoryLimit():
            return f"{fault.id}: {shown} of memory"
        case Pause(at=at, component=component):
            return f"{fault.id}: {component or 'everything'} stopped for {shown} at /{at}/"
        case Kill(at=at, component=component):
            return f"{fault.id}: {component} killed at /{at}/"
