"""Reads what lies beside a result: events for the picture, log lines around each piece of evidence.

Logs may be plain or gzip (promoted baselines), long, cut off, or missing: a report is made from what there is.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from runner.core.codec import FormatError, event_from_line
from runner.core.lines import LineSplitter
from runner.core.timeline import Timeline, timeline
from runner.host.store import EVENTS
from runner.model.events import AnyEvent
from runner.model.result import RunResult
from runner.stored.baseline import logs_of

AROUND = 5
CHUNK = 2**16
# How evidence and witnesses name a line: workload.log:123.
_REFERENCE = re.compile(r"\b([\w.-]+\.log):(\d+)")


@attrs.frozen(kw_only=True)
class Excerpt:
    """Log lines around one that matters: ``(line_no, text)``; ``line_no`` is that line's."""

    source: str
    line_no: int
    lines: tuple[tuple[int, str], ...]


@attrs.frozen(kw_only=True)
class Evidence:
    """What could be read.

    Attributes:
        timeline: None when there are no events.
        excerpts: By ``source:line_no``.
        missing: What could not be read, in words.
    """

    timeline: Timeline | None
    excerpts: Mapping[str, Excerpt]
    missing: tuple[str, ...]


def read_evidence(result_file: Path, result: RunResult) -> Evidence:
    """Read the events and logs that belong to a result file."""
    directory = logs_of(result_file)
    missing: list[str] = []
    excerpts: dict[str, Excerpt] = {}
    for source, wanted in sorted(_places(result).items()):
        try:
            excerpts |= {f"{source}:{found.line_no}": found for found in _excerpts(directory, source, sorted(wanted))}
        except (OSError, EOFError) as error:
            missing.append(f"{directory / source}: {_why(error)}")
    try:
        return Evidence(timeline=timeline(_events(directory)), excerpts=excerpts, missing=tuple(missing))
    except (OSError, EOFError, FormatError) as error:
        missing.append(f"{directory / EVENTS}: {_why(error)}")
        return Evidence(timeline=None, excerpts=excerpts, missing=tuple(missing))


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def references(text: str) -> tuple[str, ...]:
    """The lines that a piece of evidence names, as ``source:line_no``."""
    return tuple(f"{source}:{number}" for source, number in _REFERENCE.findall(text))


def _places(result: RunResult) -> dict[str, set[int]]:
    """Every line that a blocker, an assertion or a milestone rests on, by source."""
    said = [f"{b.source}:{b.line_no}" for b in result.blockers if b.count and b.line_no]
    said += [b.evidence for b in result.blockers]
    said += [claim.evidence for claim in result.assertions]
    said += [rung.witness for rung in result.milestones]
    places: dict[str, set[int]] = {}
    for text in said:
        for source, number in _REFERENCE.findall(text):
            places.setdefault(source, set()).add(int(number))
    return places


def _events(directory: Path) -> Iterator[AnyEvent]:
    for number, line in enumerate(_lines(directory / EVENTS), start=1):
        if not line:
            continue
        try:
            yield event_from_line(line)
        except FormatError:
            # A run that was killed ends in half a line; half a line in the middle is another matter.
            if _is_json(line):
                raise FormatError(f"line {number} is no event of this version") from None


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _excerpts(directory: Path, source: str, wanted: list[int]) -> list[Excerpt]:
    near: dict[int, str] = {}
    keep = {number for line_no in wanted for number in range(line_no - AROUND, line_no + AROUND + 1)}
    for number, text in enumerate(_lines(directory / source), start=1):
        if number in keep:
            near[number] = text
        if number > wanted[-1] + AROUND:
            break
    return [
        Excerpt(
            source=source,
            line_no=line_no,
            lines=tuple(
                (number, near[number]) for number in range(line_no - AROUND, line_no + AROUND + 1) if number in near
            ),
        )
        for line_no in wanted
    ]


def _lines(path: Path) -> Iterator[str]:
    splitter = LineSplitter()
    compressed = path.with_name(f"{path.name}.gz")
    with gzip.open(compressed) if compressed.is_file() and not path.is_file() else path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield from (line.text for line in splitter.feed(chunk))
        yield from (line.text for line in splitter.close())
