"""What is stored, in short: one line a run, without reading ten thousand documents again each time.

The problem: an index over all runs, or ``list`` with each experiment's state, needs a dozen facts of every result, and a
result has twenty kilobytes.

The idea: the facts are kept beside the runs, in ``results/expNN/.summaries.json``, each with the size and the time of change
of the file it was read from. A file that changed, or was half written, is read again. Without the cache everything
works the same, only slower.

What this module must not do: fail because of one broken result; it becomes a line that says so.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from runner import atomic
from runner.core.codec import FormatError
from runner.host.store import RESULT, is_run
from runner.model.result import SCHEMA_VERSION
from runner.stored.baseline import all_baselines

CACHE = ".summaries.json"
CACHE_VERSION = 1


@attrs.frozen(kw_only=True)
class Summary:
    """One stored run in a dozen facts; a broken one has a ``problem`` and little else.

    Attributes:
        path: Its result file.
        experiment: ``exp13``.
        furthest: The highest milestone reached; empty when none was.
        milestones: All that were reached.
        blockers: Fatal blockers seen.
    """

    path: str
    experiment: str
    run_id: str = ""
    slug: str = ""
    workload: str = ""
    version: str = ""
    runsc: str = ""
    mechanism: str = ""
    started_at: str = ""
    duration_s: float = 0.0
    state: str = ""
    verdict: str = ""
    as_expected: bool = False
    ended_by: str = ""
    furthest: str = ""
    milestones: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    problem: str = ""


def summaries(results: Path) -> list[Summary]:
    """Every stored run, by experiment, oldest first."""
    found: list[Summary] = []
    if not results.is_dir():
        return found
    for directory in sorted(path for path in results.glob("exp*") if path.is_dir()):
        found += _of_experiment(directory)
    return found


def baseline_summaries(results: Path) -> list[Summary]:
    """Every promoted result."""
    return [_read(str(path), path.name.partition(".")[0]) for path in all_baselines(results)]


def _of_experiment(directory: Path) -> list[Summary]:
    cached = _load(directory / CACHE)
    fresh: dict[str, list[Any]] = {}
    found: list[Summary] = []
    changed = False
    for name, size, mtime_ns in _result_files(directory):
        known = cached.get(name)
        if known is not None and known[:2] == [size, mtime_ns]:
            fresh[name] = known
            found.append(_from_plain(directory, name, known[2]))
            continue
        summary = _read(f"{directory}/{name}/{RESULT}", directory.name)
        fresh[name] = [size, mtime_ns, _to_plain(summary)]
        changed = True
        found.append(summary)
    if changed or len(fresh) != len(cached):
        _save(directory / CACHE, fresh)
    return found


def _result_files(directory: Path) -> Iterator[tuple[str, int, int]]:
    with os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries if is_run(entry))
    for name in names:
        try:
            status = os.stat(f"{directory}/{name}/{RESULT}")  # noqa: PTH116  a Path each is half the time of 10,000 runs
        except OSError:
            continue  # begun, and nothing written yet; or not a run's directory
        yield name, status.st_size, status.st_mtime_ns


def _read(path: str, experiment: str) -> Summary:
    # Ten thousand times a Path made, opened and decoded was a third of the first index.
    try:
        return _summary(path, experiment, _document(path))
    except FormatError as error:
        what = str(error)
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    except ValueError:
        what = "not JSON, perhaps cut off; run the experiment again, or remove it"
    except (KeyError, TypeError, AttributeError) as error:
        what = f"not a whole result ({error!r}); run the experiment again, or remove it"
    return Summary(path=path, experiment=experiment, run_id=path.split("/")[-2], problem=f"{path}: {what}")


def _document(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:  # noqa: PTH123  see above
        document = json.loads(file.read())
    if not isinstance(document, dict) or not isinstance(document.get("schema_version"), int):
        raise FormatError("no result of this tool: it has no schema_version")
    version = document["schema_version"]
    if version > SCHEMA_VERSION:
        raise FormatError(f"schema_version {version} is newer than this tool's {SCHEMA_VERSION}; update it")
    return document


def _summary(path: str, experiment: str, document: dict[str, Any]) -> Summary:
    reached = tuple(rung["id"] for rung in document["milestones"] if rung["reached"])
    return Summary(
        path=path,
        experiment=experiment,
        run_id=document["run_id"],
        slug=document["experiment"]["slug"],
        workload=document["workload"]["kind"],
        version=document["workload"]["version"],
        runsc=document["arena"]["runsc_version"],
        mechanism=document["interception"]["mechanism"],
        started_at=document["started_at"],
        duration_s=document["duration_s"],
        state=document["state"],
        verdict=document["verdict"],
        as_expected=document["as_expected"],
        ended_by=document["ended_by"]["reason"] or "",
        furthest=reached[-1] if reached else "",
        milestones=reached,
        blockers=tuple(b["id"] for b in document["blockers"] if b["fatal"] and b["count"]),
        left_out=tuple(
            step["id"]
            for step in document["steps"]
            if step["outcome"] == "skipped" and step["reason"].endswith("--without")
        ),
    )


_FIELDS = tuple(field.name for field in attrs.fields(Summary) if field.name not in {"path", "experiment"})
_TUPLES = frozenset({"milestones", "blockers", "left_out"})


def _to_plain(summary: Summary) -> list[Any]:
    return [getattr(summary, name) for name in _FIELDS]


def _from_plain(directory: Path, name: str, values: list[Any]) -> Summary:
    facts: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
    facts.update({field: tuple(facts[field]) for field in _TUPLES})
    facts.update(path=f"{directory}/{name}/{RESULT}", experiment=directory.name)
    return Summary(**facts)


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] == [CACHE_VERSION, *_FIELDS]:
            return dict(document["runs"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not ours: everything is read again
    return {}


def _save(path: Path, runs: dict[str, list[Any]]) -> None:
    text = json.dumps({"version": [CACHE_VERSION, *_FIELDS], "runs": runs}, separators=(",", ":"))
    with suppress(OSError):  # a read-only results directory: slower, not wrong
        atomic.write_text(path, text, durable=False)
