"""Experiment 55: is the hook done when nothing is slow and nothing intercepted?

Parent: 50. The one change: no fault.

With 50 (slow, mounted), 54 (slow, every call) and 56 (fast, every call) this is one corner of the
square of mechanism and storage: is it the interceptor, or is it the disk?

What would refute it: the hook fails.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=55,
    slug="fast-disk-mounted",
    question="Is the hook done on a disk as it is, with the view mounted?",
    parent=50,
    change="nothing is held back",
    refuted_by="the hook fails",
    faults=(),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
