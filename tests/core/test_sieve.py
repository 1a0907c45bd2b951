"""The sieve for large blocks loses nothing."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.blockers import TRIGGERS, classify
from runner.core.milestones import LITERALS, MilestoneFold
from runner.core.sieve import lines_worth_a_look

LOGS = Path(__file__).parent.parent / "logs"
NAMES = sorted(path.name.removesuffix(".log.gz") for path in LOGS.glob("*.log.gz"))


def kept(block: bytes) -> list[bytes]:
    return [block[start:end] for start, end in lines_worth_a_look(block)]


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_log_shows_the_same_through_the_sieve(name: str) -> None:
    block = gzip.decompress((LOGS / f"{name}.log.gz").read_bytes())
    every = block.decode().splitlines()
    few = [line.decode() for line in kept(block)]
    assert len(few) < len(every)
    whole, sieved = MilestoneFold(), MilestoneFold()
    assert [m for line in few if (m := sieved.see(line))] == [m for line in every if (m := whole.see(line))]
    assert [r.id for line in few for r in classify(line)] == [r.id for line in every for r in classify(line)]


PIECES = [*TRIGGERS, *LITERALS, "F1123 ", "F", "panic: ", "\n", "\n", "x", "\0", "ä"]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=30))
def test_the_sieve_keeps_exactly_the_lines_that_hold_a_literal(pieces: list[str]) -> None:
    text = "".join(pieces)
    expected = [
        line
        for line in text.split("\n")
        if any(literal in line for literal in (*TRIGGERS, *LITERALS)) or (line[:1] == "F" and line[1:5].isdigit())
    ]
    assert [line.decode() for line in kept(text.encode())] == expected


def test_what_was_reached_is_not_searched_again() -> None:
    fold = MilestoneFold()
    line = 'time="2026-11-23T14:15:07Z" level=info msg="Kine available at unix://kine.sock"'
    assert len(lines_worth_a_look(line.encode(), fold.wanted)) == 1
    fold.see(line)
    assert lines_worth_a_look(line.encode(), fold.wanted) == []
    assert set(fold.wanted) < set(LITERALS)


def test_an_empty_block_has_no_lines() -> None:
    assert lines_worth_a_look(b"") == []
