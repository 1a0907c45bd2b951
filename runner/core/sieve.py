"""Which lines of a large block are worth a look.

The problem: a recorded log can have a gigabyte, and taking every line apart costs more than all rules together.

The idea: whole blocks are searched for the few literals that every meaningful line must hold (``blockers.TRIGGERS``,
``milestones.LITERALS``), as bytes, before anything is decoded or split. Their number does not grow with the rules.

What this module must not do: read, decode, or decide that a line means something.
"""

from collections.abc import Iterable
from typing import Final

from runner.core.blockers import TRIGGERS
from runner.core.milestones import LITERALS

_TRIGGERS: Final = tuple(trigger.encode() for trigger in TRIGGERS)


def lines_worth_a_look(block: bytes, wanted: Iterable[str] = LITERALS) -> list[tuple[int, int]]:
    """Spans ``(start, end)`` of lines without their newline, in order; no other line shows a blocker or a milestone.

    Args:
        block: Whole lines; the last one may lack its newline. A line that is split over two blocks may be missed.
        wanted: What milestones are looked for by; ``MilestoneFold.wanted`` gets shorter as they are reached.
    """
    found: dict[int, int] = {}
    for needle in (*_TRIGGERS, *(literal.encode() for literal in wanted)):
        at = block.find(needle)
        while at >= 0:
            start = block.rfind(b"\n", 0, at) + 1
            end = found.get(start, -1)
            if end < 0:
                end = _end_of_line(block, at)
                found[start] = end
            at = block.find(needle, end)
    # klog's fatal lines, an F and then the date, may hold no word of failure at all.
    at = 0
    while at >= 0:
        if block[at : at + 1] == b"F" and block[at + 1 : at + 5].isdigit():
            found[at] = _end_of_line(block, at)
        newline = block.find(b"\nF", at)
        at = newline + 1 if newline >= 0 else -1
    return sorted(found.items())


def _end_of_line(block: bytes, at: int) -> int:
    end = block.find(b"\n", at)
    return len(block) if end < 0 else end
