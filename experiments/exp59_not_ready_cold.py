"""Experiment 59: is it luck when stalled reads do no harm?

Parent: 50. The one change: SQLite keeps no pages in memory.

Now and then the hook of 50 is done: its lists happen to be answered from pages that a connection still has. A datastore that has
grown beyond the cache, or a machine without memory to spare, has no such luck.

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from experiments import storage

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=59,
    slug="not-ready-cold",
    question="Do stalled reads make the hook fail every time when SQLite keeps nothing in memory?",
    parent=50,
    change="SQLite keeps one page in memory",
    refuted_by="the hook is done",
    steps=(*parent.EXPERIMENT.steps, storage.SQLITE_COLD),
    expected=parent.EXPERIMENT.expected,
)
