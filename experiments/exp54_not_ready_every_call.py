"""Experiment 54: what does stopping at every call add to stalled reads?

Parent: 50. The one change: mechanism ``syscall``, the original's way, instead of mounts.

With 50 (slow, mounted), 55 (fast, mounted) and 56 (fast, every call) this is one corner of the
square of mechanism and storage: is it the interceptor, or is it the disk?

What would refute it: the hook is done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=54,
    slug="not-ready-every-call",
    question="Do stalled reads end the hook under the original's way of intercepting, too?",
    parent=50,
    change="every call is stopped at, instead of mounting the view",
    refuted_by="the hook is done",
    mechanism="syscall",
    assertions=(),
)
