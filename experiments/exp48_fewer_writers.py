"""Experiment 48: does a smaller load at start help?

Parent: 50. The one change: five components that the hook does not need are not started.

The report's idea of starting things in order, as far as k3s has flags for it.

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=48,
    slug="fewer-writers",
    question="Does a start without the components that the hook does not need bear stalled reads?",
    parent=50,
    change="five components are not started",
    refuted_by="the hook is done",
    steps=(*parent.EXPERIMENT.steps, storage.FEWER_WRITERS),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("poststarthook-priority-classes",),
            reaches="apiserver-serving",
        ),
    ),
)
