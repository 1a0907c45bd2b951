"""The words and records of a comparison; ``compare`` makes them, formats and the gate read them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import attrs

from runner.core.statistics import Spread

Mark = Literal[
    "same",
    "broke",
    "fixed",
    "appeared",
    "vanished",
    "flaky",
    "unknown",
    "differs",
    "slower",
    "faster",
    "inconclusive",
    "not-comparable",
]
"""What became of one thing, seen from the first side.

``appeared``: a blocker is seen where the first side did not get far enough to tell. ``vanished``: the reverse, it is not
seen, but its place was not passed either. ``flaky``: the repeats of one side disagree. ``unknown``: one side cannot tell.
"""

SYMBOLS: Final[Mapping[Mark, str]] = MappingProxyType(
    {
        "same": "~",
        "broke": "!",
        "fixed": "*",
        "appeared": ">",
        "vanished": "<",
        "flaky": "%",
        "unknown": "?",
        "differs": "x",
        "slower": "+",
        "faster": "-",
        "inconclusive": "?",
        "not-comparable": "x",
    }
)
LEGEND: Final = (
    "! broke  * fixed  ~ same  > appeared, told now only  < not reached any more  % flaky  + slower  - faster"
    "  ? cannot tell  x differs"
)

MIRROR: Final[Mapping[Mark, Mark]] = MappingProxyType(
    {
        "broke": "fixed",
        "fixed": "broke",
        "appeared": "vanished",
        "vanished": "appeared",
        "slower": "faster",
        "faster": "slower",
        "same": "same",
        "flaky": "flaky",
        "unknown": "unknown",
        "differs": "differs",
        "inconclusive": "inconclusive",
        "not-comparable": "not-comparable",
    }
)
"""What a mark becomes when the two sides change places."""

NOT_TOLD: Final = "not told: its place was not passed"
"""The state of a blocker that a run would not have shown, since it ended before the blocker's place."""

RowKind = Literal["verdict", "furthest", "ended-by", "blockers", "milestone", "blocker", "assertion"]


@attrs.frozen(kw_only=True)
class Row:
    """One thing on all sides.

    Attributes:
        kind: What is compared.
        id: Its name: of a milestone, blocker or assertion; else the kind again.
        states: What it is on each side, in words.
        marks: One a side; the first is always ``same``.
        fatal: Of a blocker: whether it ends a run.
    """

    kind: RowKind
    id: str
    states: tuple[str, ...]
    marks: tuple[Mark, ...]
    fatal: bool = False


@attrs.frozen(kw_only=True)
class TimeRow:
    """One measured quantity on all sides.

    Attributes:
        id: Milestone (time from the workload's start to it) or ``workload-cpu``, ``peak-memory``, ``stops``, ``tracer-cpu``.
        unit: ``s``, ``MiB`` or empty for a count.
        spreads: None where a side has no sample.
        ratios: Median against the first side's; None where that cannot be said.
        marks: One a side; the first is always ``same``.
        gated: Whether it can make the gate fail.
    """

    id: str
    unit: str
    spreads: tuple[Spread | None, ...]
    ratios: tuple[float | None, ...]
    marks: tuple[Mark, ...]
    gated: bool


@attrs.frozen(kw_only=True)
class EnvironmentRow:
    """One fact about how or where the sides ran, which is not the same on all of them.

    Attributes:
        key: What differs.
        values: On each side; repeats that disagree are joined by `` | ``.
        times: Whether the difference makes times not comparable.
    """

    key: str
    values: tuple[str, ...]
    times: bool


@attrs.frozen(kw_only=True)
class SideInfo:
    """One side: one run or baseline, or several repeats.

    Attributes:
        label: As the user named it.
        experiment: ``exp13 redirect-proc-sys``.
        workload: ``k3s v1.34.1+k3s1``.
        runs: Ids of the runs that measured something.
        left_out: The others, with the reason.
        harness_failed: One of those left out broke by the runner's own fault.
    """

    label: str
    experiment: str
    workload: str
    runs: tuple[str, ...]
    left_out: tuple[str, ...]
    harness_failed: bool


@attrs.frozen(kw_only=True)
class Comparison:
    """Everything; the first side is what the others are compared with.

    Attributes:
        comparable: Of each side: whether its times may be compared with the first's.
        same_experiment: Of each side: whether it is the first's experiment; only then can anything regress.
        same_workload: Of each side: whether it ran the first's kind of workload; the same holds.
    """

    sides: tuple[SideInfo, ...]
    outcomes: tuple[Row, ...]
    milestones: tuple[Row, ...]
    blockers: tuple[Row, ...]
    assertions: tuple[Row, ...]
    times: tuple[TimeRow, ...]
    environment: tuple[EnvironmentRow, ...]
    comparable: tuple[bool, ...]
    same_experiment: tuple[bool, ...]
    same_workload: tuple[bool, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of outcome, milestones, blockers and assertions."""
        return (*self.outcomes, *self.milestones, *self.blockers, *self.assertions)
