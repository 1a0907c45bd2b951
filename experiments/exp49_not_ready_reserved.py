"""Experiment 49: does reserving resources help?

Parent: 50. The one change: ``--system-reserved``, the report's way forward.

Bookkeeping of the kubelet, which is not even there yet.

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments.exp37_system_reserved import SYSTEM_RESERVED
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=49,
    slug="not-ready-reserved",
    question="Does --system-reserved get the hook past stalled reads?",
    parent=50,
    change="the kubelet reserves processor and memory for the system",
    refuted_by="the hook is done",
    steps=(*parent.EXPERIMENT.steps, SYSTEM_RESERVED),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("poststarthook-priority-classes",),
            reaches="apiserver-serving",
        ),
    ),
)
