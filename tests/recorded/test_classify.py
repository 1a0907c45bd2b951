"""Classifying recorded logs: the same as line by line, in constant memory."""

import gzip
import io
import re
import sys
import tracemalloc
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core import blockers
from runner.core.blocker_rules import ROWS
from runner.core.blockers import UNCLASSIFIED, Matcher, classify
from runner.core.lines import LineSplitter, parse_line
from runner.core.milestones import MilestoneFold
from runner.core.replay_clock import ReplayClock
from runner.recorded import classify as module
from runner.recorded.classify import ClassifiedLog, classify_log
from runner.recorded.logfile import ReplayError

LOGS = sorted((Path(__file__).parents[1] / "logs").glob("*.log.gz"))
NAMES = [path.name.removesuffix(".log.gz") for path in LOGS]


def line_by_line(data: bytes) -> tuple[dict[str, tuple[int, int, float, str]], dict[str, tuple[int, float]], int]:
    """The plain way, without sieve, blocks and memory of messages."""
    splitter, clock, fold = LineSplitter(), ReplayClock(), MilestoneFold()
    blockers: dict[str, tuple[int, int, float, str]] = {}
    milestones: dict[str, tuple[int, float]] = {}
    lines = [line.text for line in (*splitter.feed(data), *splitter.close())]
    for number, text in enumerate(lines, start=1):
        parsed = parse_line(text)
        at_s = round(clock.at(parsed), 3)
        if (reached := fold.see(parsed)) is not None:
            milestones[reached] = (number, at_s)
        for rule in classify(parsed):
            count, *first = blockers.get(rule.id, (0, number, at_s, text))
            blockers[rule.id] = (count + 1, *first)  # type: ignore[assignment]  # the rest of the same tuple
    return blockers, milestones, len(lines)


def in_short(found: ClassifiedLog) -> tuple[object, object, int]:
    return (
        {b.id: (b.count, b.line_no, b.first_seen_s, b.line) for b in found.blockers},
        {m.id: (m.line_no, m.at_s) for m in found.milestones},
        found.lines,
    )


@pytest.mark.parametrize("path", LOGS, ids=NAMES)
def test_a_real_log_shows_the_same_as_line_by_line(path: Path) -> None:
    assert in_short(classify_log(str(path))) == line_by_line(gzip.decompress(path.read_bytes()))


@given(
    pieces=st.lists(
        st.sampled_from(
            [
                "E1123 14:15:47.018073       1 server.go:1] open /dev/kmsg: no such file or directory",
                "E1123 14:15:48.018073    4711 server.go:1] open /dev/kmsg: no such file or directory",
                "F1123 14:15:49.018073       1 x.go:1] odd",
                'time="2026-11-23T14:15:49Z" level=fatal msg="odd"',
                'time="2026-11-23T14:15:50Z" level=info msg="Kine available at unix://kine.sock"',
                "x" * 90 + " failed",
                "\r",
                "\x00",
                "",
            ]
        ),
        max_size=12,
    ),
    end=st.sampled_from(["", "\n", "\r\n"]),
    block=st.integers(1, 200),
)
def test_where_blocks_end_changes_nothing(pieces: list[str], end: str, block: int) -> None:
    data = ("\n".join(pieces) + end).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        found = classify_log("-")
    blockers, milestones, lines = line_by_line(data)
    assert found.lines == lines
    assert {b.id: (b.count, b.line_no, b.line) for b in found.blockers} == {
        name: (count, number, text) for name, (count, number, _, text) in blockers.items()
    }
    assert {m.id: m.line_no for m in found.milestones} == {name: number for name, (number, _) in milestones.items()}


def test_a_line_without_end_needs_no_more_memory_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "endless.log"
    with path.open("wb") as file:
        file.write(b"panic: first\n")
        for _ in range(64):
            file.write(b"x" * 2**20)
        file.write(b"\npanic: last\n")
    tracemalloc.start()
    try:
        found = classify_log(str(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20
    assert found.lines == 3
    assert [(b.id, b.count) for b in found.blockers] == [("unclassified", 2)]


@pytest.mark.parametrize(
    ("content", "todo"),
    [
        (bytes(range(256)) * 100, "binary data, not a log; give a text log"),
        (b"\x28\xb5\x2f\xfd rest", "zstd -dc FILE > LOG"),
        (b"\xfd7zXZ\x00 rest", "xz -dc FILE"),
        (b"PK\x03\x04 rest", "unzip -p FILE"),
    ],
)
def test_what_is_no_log_is_named_with_what_to_do(tmp_path: Path, content: bytes, todo: str) -> None:
    path = tmp_path / "binary.log"
    path.write_bytes(content)
    with pytest.raises(ReplayError, match=re.escape(f"{path}: ")) as raised:
        classify_log(str(path))
    assert todo in str(raised.value)


def test_rubbish_in_a_log_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "crashed.log"
    line = b'time="2026-11-23T14:15:47Z" level=info msg="Starting k3s v1.34.1+k3s1 (24fc436e)"\n'
    path.write_bytes(line + bytes(100_000) + b"\n" + bytes(range(256)) * 100 + b"\npanic: odd\n")
    assert [b.id for b in classify_log(str(path)).blockers] == ["unclassified"]


def test_a_missing_or_cut_off_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"absent\.log"):
        classify_log(str(tmp_path / "absent.log"))
    cut = tmp_path / "cut.log.gz"
    cut.write_bytes(gzip.compress(b"x" * 10_000)[:40])
    with pytest.raises(ReplayError, match=r"cut\.log\.gz"):
        classify_log(str(cut))


def tried_patterns(matcher: Matcher, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    tried = 0
    hits = blockers._Compiled.hits

    def counting(compiled: blockers._Compiled, text: str) -> bool:
        nonlocal tried
        tried += 1
        return hits(compiled, text)

    with monkeypatch.context() as patch:
        patch.setattr(blockers._Compiled, "hits", counting)
        for line in lines:
            matcher.match(line)
    return tried


def test_ten_times_the_rules_try_no_more_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs in time, and against grep, ``nox -s bench -- classify`` measures."""
    others = tuple(
        attrs.evolve(row, id=f"{row.id}-{copy}", keys=(f"word{copy}",), pattern=f"{row.pattern} word{copy}")
        for copy in range(9)
        for row in ROWS
    )
    lines = [line for path in LOGS for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    few, many = Matcher(ROWS, UNCLASSIFIED), Matcher((*ROWS, *others), UNCLASSIFIED)
    assert 0 < tried_patterns(few, lines, monkeypatch) == tried_patterns(many, lines, monkeypatch) < len(lines)
