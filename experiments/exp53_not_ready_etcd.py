"""Experiment 53: does etcd bear stalled reads?

Parent: 50. The one change: ``--cluster-init``: k3s's own etcd in place of kine.

etcd reads through a memory map, which no delayed pread64 holds up.

What would refute it: the hook fails all the same.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=53,
    slug="not-ready-etcd",
    question="Does etcd in place of kine bear stalled reads?",
    parent=50,
    change="k3s runs etcd instead of kine",
    refuted_by="the hook fails all the same",
    steps=(*parent.EXPERIMENT.steps, storage.EMBEDDED_ETCD),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
