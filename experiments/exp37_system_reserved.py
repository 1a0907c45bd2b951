"""Experiment 37: does reserving resources for the system change anything?

Parent: 35. The one change: ``--system-reserved``, one of the report's ways forward, meant to calm the kubelet.

It is bookkeeping: the node offers less to pods. Nothing that blocks a worker in gVisor has to do with it.

What would refute it: the kubelet refuses the flag, or a blocker goes away or comes.
"""

import attrs

from experiments import exp35_view_by_mounts as parent
from experiments import parts
from runner.model.assertion import Present
from runner.model.step import WorkloadFlag

SYSTEM_RESERVED = WorkloadFlag(
    id="system-reserved",
    flags=("--kubelet-arg=--system-reserved=cpu=100m,memory=256Mi",),
    reason="the report's third way forward; the values are ours, it names none",
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=37,
    slug="system-reserved",
    question="Does --system-reserved make a difference to a k3s worker in gVisor?",
    parent=35,
    change="the kubelet reserves processor and memory for the system",
    refuted_by="the flag is refused, or a blocker goes away or comes",
    steps=(*parent.EXPERIMENT.steps, SYSTEM_RESERVED),
    assertions=(
        *parent.EXPERIMENT.assertions,
        Present(
            id="flag",
            claim="the kubelet was given the flag",
            pattern=r"Running kubelet .*--system-reserved=cpu=100m,memory=256Mi",
            workloads=parts.K3S_REAL,
        ),
    ),
)
