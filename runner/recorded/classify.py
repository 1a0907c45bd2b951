"""Milestones and blockers of one recorded log, from anyone's sandbox; no experiment needed.

The problem: logs of a gigabyte, and most lines mean nothing.

The idea: whole blocks go through the sieve (``core.sieve``) as bytes; only lines that hold a word of failure or of a
milestone are decoded and looked at, and a line that was seen before with another time stamp is not matched again. Memory
is one block, whatever the log, even if it is a single line without end.

What was tried: a line at a time through the splitter and the parser took six times as long.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import attrs

from runner.core.blockers import BlockerRule, classify
from runner.core.lines import MAX_LINE_BYTES, parse_line
from runner.core.milestones import MILESTONES, MilestoneFold
from runner.core.replay_clock import ReplayClock
from runner.core.sieve import lines_worth_a_look
from runner.recorded.logfile import pieces, text_of

BLOCK = 2**20
# So many lines before a first sighting are read for their time stamps; and at the beginning, for the first one.
CLOCK_LINES = 64
# Distinct messages whose rules are remembered; logs repeat themselves.
REMEMBERED = 4096

_STAMP = re.compile(
    r"^(?:(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ |time=\"\d{4}-\d\d-\d\d[T ][0-9:.]+(?:Z|[+-]\d\d:?\d\d)\" )"
)

Rules = Callable[[str], tuple[BlockerRule, ...]]


@attrs.frozen(kw_only=True)
class FoundMilestone:
    """A rung seen in a log; ``at_s`` counts from the log's first stamp."""

    id: str
    at_s: float
    line_no: int


@attrs.frozen(kw_only=True)
class FoundBlocker:
    """A blocker seen in a log, with what to do about it."""

    id: str
    component: str
    fatal: bool
    first_seen_s: float
    count: int
    line_no: int
    line: str
    advice: str


@attrs.frozen(kw_only=True)
class ClassifiedLog:
    """What one log holds."""

    name: str
    lines: int
    milestones: tuple[FoundMilestone, ...]
    furthest: str | None
    blockers: tuple[FoundBlocker, ...]


def classify_log(name: str, rules: Rules = classify) -> ClassifiedLog:
    """Read a log once and name what is in it.

    Args:
        name: A file, plain or gzip, or ``-`` for standard input.
        rules: What names the blockers of a line.

    Raises:
        ReplayError: It cannot be read, or is no log; the message says what to do.
    """
    found = _Findings(rules)
    for block in _blocks(name):
        found.see(block)
    reached = [rung.id for rung in found.milestones]
    ladder = [rung for rung in MILESTONES if rung in reached]
    return ClassifiedLog(
        name=name,
        lines=found.lines,
        milestones=tuple(found.milestones),
        furthest=ladder[-1] if ladder else None,
        blockers=tuple(attrs.evolve(blocker, count=found.counts[blocker.id]) for blocker in found.blockers.values()),
    )


class _Findings:
    """What was found so far in the blocks of one log."""

    def __init__(self, rules: Rules) -> None:
        self.milestones: list[FoundMilestone] = []
        self.blockers: dict[str, FoundBlocker] = {}
        self.counts: dict[str, int] = {}
        self.lines = 0
        self._clock = ReplayClock()
        self._fold = MilestoneFold()
        self._remembered = lru_cache(REMEMBERED)(rules)

    def see(self, block: bytes) -> None:
        """Look at the next whole lines of the log."""
        if not self.lines:
            # Times count from the log's first stamp.
            for line in block.split(b"\n", CLOCK_LINES)[:CLOCK_LINES]:
                parsed = parse_line(text_of(line))
                self._clock.at(parsed)
                if parsed.time_text is not None:
                    break
        counted_to, line_no = 0, self.lines + 1
        for start, end in lines_worth_a_look(block, self._fold.wanted):
            line_no += block.count(b"\n", counted_to, start)
            counted_to = start
            text = text_of(block[start:end])
            reached = self._fold.see(text)
            names = self._rules(text)
            new = [rule for rule in names if rule.id not in self.counts]
            if reached is not None or new:
                at_s = self._time(block, start, text)
                if reached is not None:
                    self.milestones.append(FoundMilestone(id=reached, at_s=at_s, line_no=line_no))
                for rule in new:
                    self.blockers[rule.id] = _blocker(rule, at_s, line_no, text)
            for rule in names:
                self.counts[rule.id] = self.counts.get(rule.id, 0) + 1
        self.lines += block.count(b"\n") + (not block.endswith(b"\n"))

    def _rules(self, text: str) -> tuple[BlockerRule, ...]:
        # No rule looks into a stamp, so one stamp stands for all; its form stays, for rules that ask for the line's kind.
        stamp = _STAMP.match(text)
        if stamp is None:
            return self._remembered(text)
        common = f"{stamp['level']}0101 00:00:00.000000 1 " if stamp["level"] else 'time="2000-01-01T00:00:00Z" '
        return self._remembered(common + text[stamp.end() :])

    def _time(self, block: bytes, start: int, text: str) -> float:
        before = block[max(0, start - CLOCK_LINES * 256) : start].split(b"\n")[1:-1]
        for line in before[-CLOCK_LINES:]:
            self._clock.at(parse_line(text_of(line)))
        return round(self._clock.at(parse_line(text)), 3)


def _blocker(rule: BlockerRule, at_s: float, line_no: int, text: str) -> FoundBlocker:
    return FoundBlocker(
        id=rule.id,
        component=rule.component,
        fatal=rule.fatal,
        first_seen_s=at_s,
        count=1,
        line_no=line_no,
        line=text,
        advice=rule.advice,
    )


def _blocks(name: str) -> Iterator[bytes]:
    """Blocks of whole lines; of a line longer than :data:`MAX_LINE_BYTES` only the beginning."""
    rest = b""
    for piece in pieces(name, BLOCK):
        head, newline, tail = piece.rpartition(b"\n")
        if not newline:
            # The first block of a longer line; what it holds beyond the limit is not kept.
            rest = (rest + piece)[: MAX_LINE_BYTES + 1]
            continue
        yield rest + head + newline
        rest = tail[: MAX_LINE_BYTES + 1]
    if rest:
        yield rest
