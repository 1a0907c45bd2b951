"""Experiment 52: does starting k3s again get it past the refusal?

Parent: 50. The one change: a supervisor starts k3s again when it ends.

The original's report proposed to delay or retry. The storage stalls as before, so the second start reads even longer; against a
stall that passes, it would be another matter.

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=52,
    slug="not-ready-supervised",
    question="Does a supervisor that starts k3s again get it past a refusal for want of caches?",
    parent=50,
    change="a supervisor starts k3s again, at most five times",
    refuted_by="the hook is done",
    steps=(*parent.EXPERIMENT.steps, storage.SUPERVISOR),
    assertions=(),
    expected=(Expected(verdict="fail", ended_by="deadline", blockers=("poststarthook-priority-classes",)),),
)
