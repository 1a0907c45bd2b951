"""Experiment 42: is it the datastore's disk?

Parent: 40. The one change: the SQLite file lies on a tmpfs; everything else stays on the slow disk.

Untried in the original series.

What would refute it: the hook fails all the same.
"""

import attrs

from experiments import exp40_slow_disk as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=42,
    slug="datastore-tmpfs",
    question="Is a datastore on tmpfs enough, with everything else on the slow disk?",
    parent=40,
    change="the datastore lies on a tmpfs",
    refuted_by="the hook fails all the same",
    steps=(*parent.EXPERIMENT.steps, storage.DATASTORE_TMPFS, storage.DATASTORE_ON_TMPFS),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
