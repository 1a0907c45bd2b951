"""Milestones and blockers of one recorded log, from anyone's sandbox; no experiment needed."""

import attrs

from runner.core.blockers import classify
from runner.core.lines import parse_line
from runner.core.milestones import MILESTONES, MilestoneFold
from runner.core.replay_clock import ReplayClock
from runner.replay import read_lines


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


def classify_log(name: str) -> ClassifiedLog:
    """Read a log once and name what is in it.

    Args:
        name: A file, plain or gzip, or ``-`` for standard input.

    Raises:
        ReplayError: It cannot be read.
    """
    clock, fold = ReplayClock(), MilestoneFold()
    milestones: list[FoundMilestone] = []
    blockers: dict[str, FoundBlocker] = {}
    line_no = 0
    for line_no, text in enumerate(read_lines(name), start=1):
        parsed = parse_line(text)
        at_s = round(clock.at(parsed), 3)
        reached = fold.see(parsed)
        if reached is not None:
            milestones.append(FoundMilestone(id=reached, at_s=at_s, line_no=line_no))
        for rule in classify(parsed):
            known = blockers.get(rule.id)
            if known is not None:
                blockers[rule.id] = attrs.evolve(known, count=known.count + 1)
            else:
                blockers[rule.id] = FoundBlocker(
                    id=rule.id,
                    component=rule.component,
                    fatal=rule.fatal,
                    first_seen_s=at_s,
                    count=1,
                    line_no=line_no,
                    line=text,
                    advice=rule.advice,
                )
    reached_ids = [found.id for found in milestones]
    ladder = [name for name in MILESTONES if name in reached_ids]
    return ClassifiedLog(
        name=name,
        lines=line_no,
        milestones=tuple(milestones),
        furthest=ladder[-1] if ladder else None,
        blockers=tuple(blockers.values()),
    )
