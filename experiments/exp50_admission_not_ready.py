"""Experiment 50: does a stalled read alone make the API server say "not yet ready"?

Parent: 35. The one change: a fault. From the API server's start on, each pread64 below /var/lib waits
8 s; the view is mounted, so nothing is intercepted.

The wording of the original's report. Admission plugins wait 10 s for their caches and then refuse with 403, which the hook
takes for final; a cache is filled by a list, and a list by reads.

What would refute it: the hook is done, or fails with another reason.
"""

import attrs

from experiments import exp35_view_by_mounts as parent
from experiments import faults, parts
from experiments.audit import AUDIT
from runner.model.assertion import Present
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=50,
    slug="admission-not-ready",
    question="Do stalled reads alone make the priority-class hook fail with 'not yet ready to handle request'?",
    parent=35,
    change="from the API server's start on, each read of the disk takes 8 s",
    refuted_by="the hook is done, or fails with another reason",
    steps=(*parent.EXPERIMENT.steps, *AUDIT),
    faults=(faults.STALLED_READS,),
    assertions=(
        Present(
            id="wording",
            claim="the hook fails in the words of the original's report",
            pattern=r'PostStartHook "scheduling/bootstrap-system-priority-classes" failed: .*'
            r'"system-node-critical" is forbidden: not yet ready to handle request',
            workloads=parts.K3S_REAL,
        ),
    ),
    target="poststart-hooks-done",
    hold_s=0,
    deadline_s=120,
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("poststarthook-priority-classes",),
            reaches="apiserver-serving",
        ),
    ),
)
