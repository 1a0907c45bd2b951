"""Experiment 56: is ptrace overhead alone enough to make the hook fail?

Parent: 50. The one change: mechanism ``syscall``, the original's way, and no fault.

With 50 (slow, mounted), 54 (slow, every call) and 55 (fast, mounted) this is one corner of the
square of mechanism and storage: is it the interceptor, or is it the disk?

What would refute it: the hook fails.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=56,
    slug="fast-disk-every-call",
    question="Is the original's way of intercepting enough to make the hook fail on a disk as it is?",
    parent=50,
    change="every call is stopped at, and nothing is held back",
    refuted_by="the hook fails",
    mechanism="syscall",
    faults=(),
    assertions=(),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
