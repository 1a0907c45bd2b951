"""Experiment 51: do the plugins that wait cause it?

Parent: 50. The one change: the admission plugins that keep a create waiting for their caches are off.

Named in the research as cheap and untried.

What would refute it: the hook fails all the same.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=51,
    slug="fewer-admission-plugins",
    question="Does turning off the admission plugins that wait for caches get the hook past stalled reads?",
    parent=50,
    change="webhook and policy plugins are off",
    refuted_by="the hook fails all the same",
    steps=(*parent.EXPERIMENT.steps, storage.FEWER_ADMISSION_PLUGINS),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
