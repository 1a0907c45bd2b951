"""Experiment 58: can SQLite be told to bear stalled reads?

Parent: 50. The one change: SQLite waits longer for its writers and does not sync.

Untried in the original series. Nothing of it makes a read faster.

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=58,
    slug="not-ready-sqlite-tuned",
    question="Do a longer busy timeout and no syncing get the hook past stalled reads?",
    parent=50,
    change="SQLite waits three minutes for other writers and does not sync",
    refuted_by="the hook is done",
    steps=(*parent.EXPERIMENT.steps, storage.SQLITE_TUNED),
    assertions=(),
    expected=parent.EXPERIMENT.expected,
)
