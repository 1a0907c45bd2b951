"""One archive for an upstream issue: a page to read first, the result, the events and the logs, redacted.

What this module must not do: leave a half-written archive, or follow links out of the run's directory.
"""

import gzip
import io
import platform
import re
import shlex
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from runner import atomic
from runner.core.compare_environment import facts_of
from runner.core.lines import LineSplitter
from runner.core.redact import Redactor
from runner.formats.markdown import result_to_markdown, table
from runner.formats.words import rerun_command
from runner.host.store import StoreError, read_result
from runner.model.result import RunResult
from runner.report.evidence import read_evidence
from runner.stored.baseline import logs_of

KINDS = (".log", ".jsonl", ".log.gz", ".jsonl.gz")
CHUNK = 2**16


@attrs.frozen(kw_only=True)
class Bundle:
    """What was written: the archive, its members, and how often what was taken out."""

    path: Path
    members: tuple[str, ...]
    redacted: dict[str, int]


def make_bundle(result_file: Path, out: Path, *, redact: bool = True) -> Bundle:
    """Pack a run.

    Args:
        result_file: Its ``result.json``, or a baseline's.
        out: The archive, ``.tar.gz``.
        redact: Take credentials, certificates, addresses and names out.

    Raises:
        StoreError: Something cannot be read or written.
        FormatError: It is no result.
    """
    result = read_result(result_file)
    redactor = Redactor((platform.node(),)) if redact else None
    name = f"exp{result.experiment.number:02d}-{result.run_id}"
    members: dict[str, bytes] = {}
    try:
        logs = [path for path in sorted(logs_of(result_file).iterdir()) if path.name.endswith(KINDS)]
    except OSError:
        logs = []  # a result whose logs are gone is still worth sending
    try:
        members["result.json"] = _clean(_lines(result_file), redactor)
        for path in logs:
            if path.is_file() and not path.is_symlink():
                members[path.name.removesuffix(".gz")] = _clean(_lines(path), redactor)
        readme = _readme(result_file, result)
        counts = redactor.counts if redactor else {}
        taken = ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing"
        note = f"Taken out: {taken}. This finds forms, not meanings: look through it before you send it.\n"
        members["README.md"] = _clean(iter(readme.splitlines()), redactor) + (f"\n{note}".encode() if redact else b"")
        _write(out, name, members)
    except (OSError, EOFError) as error:
        raise StoreError(f"cannot make {out}: {error}; choose another place with --out") from error
    return Bundle(path=out, members=tuple(sorted(members)), redacted=dict(counts))


def _readme(result_file: Path, result: RunResult) -> str:
    """What a maintainer reads first, who has neither this tool nor time: outcome, log, command, versions."""
    text = [result_to_markdown(result), "### The log around each blocker", ""]
    excerpts = read_evidence(result_file, result).excerpts
    for b in sorted((b for b in result.blockers if b.count), key=lambda b: not b.fatal):
        excerpt = excerpts.get(f"{b.source}:{b.line_no}")
        lines = [f"{number:6d}  {said}" for number, said in excerpt.lines] if excerpt else [b.line]
        text += [f"{b.id}, {b.source}:{b.line_no}", "", *_fenced(lines), ""]
    commit = result.environment.get("git_commit")
    again = [f"git checkout {commit}"] if commit else []
    text += ["### Run it again", "", *_fenced([*again, rerun_command(result)], "sh"), ""]
    text += ["The workload's own command:", "", *_fenced([shlex.join(result.workload.command)], "sh"), ""]
    steps = [(step.id, step.kind, step.outcome, step.verified or step.reason) for step in result.steps]
    text += ["### Steps", "", *table(("step", "kind", "outcome", "seen to work by"), steps), ""]
    text += ["### Environment", "", *table(("", ""), facts_of(result).items()), ""]
    return "\n".join(text)


def _fenced(lines: Sequence[str], language: str = "text") -> list[str]:
    # Longer than any fence in a log line, so that no line ends it.
    fence = "`" * max(3, *(len(ticks) + 1 for line in lines for ticks in re.findall("`+", line)), 3)
    return [fence + language, *lines, fence]


def _clean(lines: Iterator[str], redactor: Redactor | None) -> bytes:
    out = io.BytesIO()
    for line in redactor.lines(lines) if redactor else lines:
        out.write(line.encode(errors="replace") + b"\n")
    return out.getvalue()


def _lines(path: Path) -> Iterator[str]:
    splitter = LineSplitter()
    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield from (line.text for line in splitter.feed(chunk))
        yield from (line.text for line in splitter.close())


def _write(out: Path, name: str, members: dict[str, bytes]) -> None:
    # No times inside: the same run gives the same archive.
    with (
        atomic.writing(out) as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for member in sorted(members):
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = len(members[member])
            archive.addfile(info, io.BytesIO(members[member]))
