"""Experiment 44: is kine's backend in memory to be had?

Parent: 50. The one change: ``--datastore-endpoint=memory://``.

k3s hands the address to kine, and kine knows the word since 0.15. The kine of k3s v1.34.1 is older: it ends at once with
``unknown driver``. Here for the day when that changes.

What would refute it: k3s takes the address.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=44,
    slug="datastore-in-memory",
    question="Is kine's backend in memory to be had with this k3s?",
    parent=50,
    change="the datastore is in memory, without SQLite",
    refuted_by="k3s takes the address",
    steps=(*parent.EXPERIMENT.steps, storage.DATASTORE_IN_MEMORY),
    expected=(Expected(verdict="fail", ended_by="fatal-blocker", blockers=("unclassified",)),),
    assertions=(),
)
