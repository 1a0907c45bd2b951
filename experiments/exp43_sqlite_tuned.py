"""Experiment 43: can SQLite be told to bear a slow disk?

Parent: 40. The one change: SQLite waits longer for its writers and does not sync.

Untried in the original series.

Seen in three runs: the hook was done twice. In the third a statement took 32 s and the create met the 34 s that a request is given:
another limit in the place of SQLite's, and no more reliable for it.

What would refute it: the hook fails all the same.
"""

import attrs

from experiments import exp40_slow_disk as parent
from experiments import storage
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=43,
    slug="sqlite-tuned",
    question="Does a longer busy timeout, and no syncing, let SQLite bear the slow disk?",
    parent=40,
    change="SQLite waits three minutes for other writers and does not sync",
    refuted_by="the hook fails all the same",
    steps=(*parent.EXPERIMENT.steps, storage.SQLITE_TUNED),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
