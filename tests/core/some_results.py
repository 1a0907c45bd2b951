"""Results to compare: real ones, and any number of invented ones between them."""

from pathlib import Path
from typing import get_args

import attrs
from hypothesis import strategies as st

from runner.core.codec import result_from_json
from runner.core.milestones import MILESTONES
from runner.model.kinds import EndReason, Verdict
from runner.model.result import BlockerResult, EndedBy, RunResult

RESULTS = Path(__file__).parents[1] / "results"
BLOCKERS = (
    "flannel-vxlan-unsupported",
    "dev-kmsg-missing",
    "kine-slow-sql",
    "ipset-unavailable",
    "no-such-rule-any-more",
)


def real(name: str) -> RunResult:
    """A result that a real run left: ``exp13-k3s`` or ``exp13-standin``."""
    return result_from_json((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def reaching(result: RunResult, *reached: str, after_s: float = 5.0) -> RunResult:
    """The result with exactly these milestones reached, each so many seconds after the start."""
    rungs = tuple(
        attrs.evolve(
            rung, reached=rung.id in reached, at_s=(10.0 + after_s * i) if rung.id in reached else None, witness="w"
        )
        for i, rung in enumerate(result.milestones)
    )
    return attrs.evolve(result, milestones=rungs)


def blocked_by(result: RunResult, *names: str, count: int = 1, resolved_by: str | None = None) -> RunResult:
    """The result with exactly these blockers."""
    blockers = tuple(
        BlockerResult(
            id=name,
            component="kubelet",
            fatal=name not in {"kine-slow-sql", "ipset-unavailable"},
            first_seen_s=12.0 if count else None,
            count=count,
            source="workload.log" if count else "",
            line_no=7 if count else 0,
            line=f"E1123 {name}" if count else "",
            advice="advice",
            resolved_by=resolved_by,
            evidence="evidence" if resolved_by else "",
        )
        for name in names
    )
    return attrs.evolve(result, blockers=blockers)


@st.composite
def any_result(draw: st.DrawFn) -> RunResult:
    """A result with any outcome; who wrote it need not have been consistent."""
    result = reaching(
        real("exp13-k3s"),
        *draw(st.sets(st.sampled_from(MILESTONES))),
        after_s=draw(st.sampled_from([0.0, 1.0, 1.4, 5.0])),
    )
    seen = draw(st.lists(st.sampled_from(BLOCKERS), unique=True))
    counts = draw(st.lists(st.integers(0, 3), min_size=len(seen), max_size=len(seen)))
    blockers = tuple(
        attrs.evolve(blocked_by(result, name, count=count).blockers[0], resolved_by=None if count else "kmsg")
        for name, count in zip(seen, counts, strict=True)
    )
    verdicts = draw(
        st.lists(st.sampled_from(get_args(Verdict)), min_size=len(result.assertions), max_size=len(result.assertions))
    )
    return attrs.evolve(
        result,
        run_id=draw(st.sampled_from(["r1", "r2", "r3", "r4"])),
        blockers=blockers,
        assertions=tuple(
            attrs.evolve(claim, verdict=verdict) for claim, verdict in zip(result.assertions, verdicts, strict=True)
        ),
        verdict=draw(st.sampled_from(get_args(Verdict))),
        as_expected=draw(st.booleans()),
        ended_by=EndedBy(reason=draw(st.sampled_from([*get_args(EndReason), None])), detail="detail"),
        state=draw(st.sampled_from(["finished", "finished", "finished", "running"])),
        arena=attrs.evolve(result.arena, runsc_version=draw(st.sampled_from(["a", "a", "b"]))),
    )
