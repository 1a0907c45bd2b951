"""Experiment 41: does starting k3s again get it past the hook?

Parent: 40. The one change: a supervisor starts k3s again when it ends.

The report's first way forward, delaying or retrying. Nothing can be retried from outside but the whole process: the hook
takes one error for final. The first start takes 90 s to fail; the second had not got further after another 90 s.

What would refute it: the hook is done within three minutes.
"""

import attrs

from experiments import exp40_slow_disk as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=41,
    slug="supervised",
    question="Does a supervisor that starts k3s again get it past the hook on a slow disk?",
    parent=40,
    change="a supervisor starts k3s again, at most five times",
    refuted_by="the hook is done within three minutes",
    steps=(*parent.EXPERIMENT.steps, storage.SUPERVISOR),
    assertions=(),
    expected=(
        Expected(
            verdict="fail",
            ended_by="deadline",
            blockers=("poststarthook-priority-classes",),
            reaches="apiserver-serving",
        ),
    ),
)
