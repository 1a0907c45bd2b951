"""Experiment 57: is it the datastore's disk?

Parent: 50. The one change: the SQLite file lies on a tmpfs; everything else stays on the stalled disk.

Untried in the original series.

What would refute it: the hook fails all the same.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=57,
    slug="not-ready-tmpfs",
    question="Is a datastore on tmpfs enough, with everything else on a disk whose reads stall?",
    parent=50,
    change="the datastore lies on a tmpfs",
    refuted_by="the hook fails all the same",
    steps=(*parent.EXPERIMENT.steps, storage.DATASTORE_TMPFS, storage.DATASTORE_ON_TMPFS),
    assertions=(),
    # Nothing reads the disk below /var/lib any more, so the fault is not felt, and a target that is reached under a fault that
    # nobody felt is not a pass.
    expected=(Expected(verdict="inconclusive", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
