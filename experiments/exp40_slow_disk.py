"""Experiment 40: does slow storage alone make the PostStartHook fail?

Parent: 35. The one change: a fault. Every pread64 and pwrite64 below /var/lib is held back for 200 ms; the view is mounted, so
nothing is intercepted. SQLite, under kine, is what reads and writes with these two calls.

What would refute it: the hook is done all the same, or it fails without the fault.
"""

import attrs

from experiments import exp35_view_by_mounts as parent
from experiments import faults, parts
from experiments.audit import AUDIT
from runner.model.assertion import Metric, Present
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=40,
    slug="slow-disk",
    question="Does slow storage alone, with no interceptor, make the PostStartHook fail?",
    parent=35,
    change="every pread64 and pwrite64 below /var/lib waits for 200 ms first",
    refuted_by="the hook is done all the same, or it fails without the fault",
    steps=(*parent.EXPERIMENT.steps, *AUDIT),
    faults=(faults.SLOW_DISK,),
    assertions=(
        Metric(
            id="slow-sql",
            claim="a statement takes at least as long as the original series' 13 s",
            metric="slow_sql_longest_s",
            at_least=13,
            workloads=parts.K3S_REAL,
        ),
        Present(
            id="wording",
            claim="the hook fails because a writer waited 30 s for the others",
            pattern=r'PostStartHook "scheduling/bootstrap-system-priority-classes" failed: .*database is locked',
            workloads=parts.K3S_REAL,
        ),
    ),
    target="poststart-hooks-done",
    hold_s=0,
    deadline_s=180,
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("poststarthook-priority-classes",),
            reaches="apiserver-serving",
        ),
    ),
)
