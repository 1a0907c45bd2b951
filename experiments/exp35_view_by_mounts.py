"""Experiment 35: do mounts do what the interceptor does, at no cost per system call?

Parent: 34. The one change: mechanism ``mount``. An overlay over /proc/sys shows the view's files before gVisor's own; no
process is traced.

What would refute it: a blocker of /proc/sys comes back, or start-up is no faster.
"""

import attrs

from experiments import exp34_flannel_none as parent

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=35,
    slug="view-by-mounts",
    question="Do mounts over /proc/sys replace the interceptor?",
    parent=34,
    change="the view is mounted; nothing is intercepted",
    refuted_by="a blocker of /proc/sys comes back",
    mechanism="mount",
)
