"""Experiment 47: does one writer less help?

Parent: 50. The one change: ``--disable-cloud-controller``.

A CI workaround for another race at k3s's start.

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=47,
    slug="no-cloud-controller",
    question="Does leaving the cloud controller out get the hook past stalled reads?",
    parent=50,
    change="the cloud controller manager is not started",
    refuted_by="the hook is done",
    steps=(*parent.EXPERIMENT.steps, storage.NO_CLOUD_CONTROLLER),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("poststarthook-priority-classes",),
            reaches="apiserver-serving",
        ),
    ),
)
