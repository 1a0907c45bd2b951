"""Wraps the workload's command line in a loop that starts it again, where a step asks for that.

A shell's loop, because that is what people have: one line in the log for each start, so that restarts are seen and counted. It
needs no handling of signals: what ends a run ends every process of it.
"""

from runner.model.plan import RunPlan
from runner.model.step import Supervise

_LOOP = """left=$1; shift
while :; do
    "$@"; code=$?
    [ "$left" -gt 0 ] || exit "$code"
    echo "supervisor: the workload ended with exit code $code; started again, $left restarts left"
    left=$((left - 1))
done"""


def supervised(plan: RunPlan) -> tuple[str, ...]:
    """The command line to start: the workload's own, or one that starts it again and again."""
    for step in plan.steps:
        if isinstance(step, Supervise):
            return ("sh", "-c", _LOOP, "supervisor", str(step.restarts), *plan.argv)
    return plan.argv
