"""How and where runs differ: half of every answer to "why did it change".

What this module must not do: hide a difference. Facts that are measurements of the run itself (processor time, memory
used) are no environment and are compared as such elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from runner.core.compared import EnvironmentRow
from runner.model.result import RunResult

# Facts without which two times have nothing to do with each other. The mechanism, the steps and the flags are not among
# them: they are what experiments vary.
BINDING: Final = (
    "workload",
    "workload sha256",
    "arena",
    "runsc",
    "gVisor platform",
    "kernel",
    "root filesystem",
    "fault",
    "machine",
    "machine kernel",
    "cpus",
    "memory",
    "arena cpus",
    "arena memory",
)
_MEASURED: Final = frozenset({"workload_cpu_s", "workload_peak_rss_mib"})
_NAMES: Final = {
    "tool_version": "tool version",
    "git_commit": "tool commit",
    "machine_kernel": "machine kernel",
    "arena_cpus": "arena cpus",
    "arena_memory_mib": "arena memory",
}
# Said in full by a row of their own.
_SAID: Final = frozenset({"kernel", "root_filesystem"})
_LISTS: Final = frozenset({"layer packages"})
_MIB_PER_GIB: Final = 1024


def environment_rows(sides: Sequence[Sequence[RunResult]]) -> tuple[EnvironmentRow, ...]:
    """Every fact that is not the same in all runs of all sides, those that bind times first."""
    facts = [[facts_of(result) for result in results] for results in sides]
    keys = dict.fromkeys(key for side in facts for one in side for key in one)
    rows: list[EnvironmentRow] = []
    for key in sorted(keys, key=lambda key: key not in BINDING):
        if key in _LISTS:
            # Of a list of twenty packages only those that differ say anything.
            rows += _set_row(key, [{word for one in side for word in one.get(key, "").split()} for side in facts])
            continue
        values = tuple(" | ".join(dict.fromkeys(one.get(key, "") or "?" for one in side)) for side in facts)
        if len(set(values)) > 1:
            rows.append(EnvironmentRow(key=key, values=values, times=key in BINDING))
    rows += _set_row("flags", [_flags(results) for results in sides])
    rows += _set_row("steps", [_steps(results) for results in sides])
    return tuple(rows)


def times_comparable(first: Iterable[RunResult], other: Iterable[RunResult]) -> bool:
    """Whether all runs of both sides were made under the same :data:`BINDING` facts."""
    every = [facts_of(result) for result in (*first, *other)]
    return all(one.get(key) == every[0].get(key) for key in BINDING for one in every[1:])


def facts_of(result: RunResult) -> Mapping[str, str]:
    """The environment of one run, by the names that rows carry."""
    arena, workload = result.arena, result.workload
    facts = {
        "experiment": f"exp{result.experiment.number:02d} {result.experiment.slug}",
        "workload": f"{workload.kind} {workload.version}".strip(),
        "workload sha256": workload.sha256[:12],
        "arena": arena.kind,
        "runsc": arena.runsc_version,
        "gVisor platform": arena.platform,
        "kernel": arena.kernel,
        "root filesystem": arena.root_filesystem,
        "fault": arena.fault or "none",
        "mechanism": result.interception.mechanism,
    }
    for key, value in result.environment.items():
        if key not in _MEASURED and key not in _SAID:
            facts[_NAMES.get(key, key.replace("_", " "))] = value
    for key in ("memory", "arena memory"):
        # Virtual machines of one size differ by a page or two.
        digits = facts.get(key, "").split(" ")[0]
        if digits.isdecimal():
            facts[key] = f"{round(int(digits) / _MIB_PER_GIB)} GiB"
    return facts


def _flags(results: Sequence[RunResult]) -> set[str]:
    # What comes before the first flag is the program, whose place depends on the machine.
    return {word for result in results for word in result.workload.command if word.startswith("-")}


def _steps(results: Sequence[RunResult]) -> set[str]:
    return {step.id for result in results for step in result.steps if step.outcome in {"applied", "already-there"}}


def _set_row(key: str, sides: Sequence[set[str]]) -> list[EnvironmentRow]:
    everywhere = set.intersection(*sides)
    values = tuple(" ".join(sorted(side - everywhere)) or "none more" for side in sides)
    return [EnvironmentRow(key=f"{key} besides the common", values=values, times=False)] if len(set(values)) > 1 else []
