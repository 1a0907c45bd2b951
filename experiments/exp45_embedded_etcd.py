"""Experiment 45: is it SQLite?

Parent: 40. The one change: ``--cluster-init``: k3s's own etcd in place of kine.

etcd writes its log in order and reads from memory. It does write with pwrite64, so the fault is felt.

What would refute it: the hook fails all the same.
"""

import attrs

from experiments import exp40_slow_disk as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=45,
    slug="embedded-etcd",
    question="Does etcd in place of kine bear the slow disk?",
    parent=40,
    change="k3s runs etcd instead of kine",
    refuted_by="the hook fails all the same",
    steps=(*parent.EXPERIMENT.steps, storage.EMBEDDED_ETCD),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
