"""Experiment 54: what does stopping at every call add to stalled reads?

Parent: 50. The one change: mechanism ``syscall``, the original's way, instead of mounts.

With 50 (slow, mounted), 55 (fast, mounted) and 56 (fast, every call) this is one corner of the
square of mechanism and storage: is it the interceptor, or is it the disk?

Seen in six runs: three times the refusal of 50, once a timeout, once another hook's failure, and once the hook was done: a
process that is slowed down comes to its first create later, and finds more caches filled.

What would refute it: the hook is mostly done.
"""

import attrs

from experiments import exp50_admission_not_ready as parent
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=54,
    slug="not-ready-every-call",
    question="Do stalled reads end the hook under the original's way of intercepting, too?",
    parent=50,
    change="every call is stopped at, instead of mounting the view",
    refuted_by="the hook is mostly done",
    mechanism="syscall",
    assertions=(),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("poststarthook-priority-classes", "poststarthook-failed"),
            any_of=True,
            reaches="apiserver-serving",
        ),
    ),
)
