"""Experiment 33: is a file called cpuacct.usage_percpu all that cAdvisor misses?

Parent: 13. The one change: the redirect of cpuacct.usage_percpu leads to a file that exists ("0" and a newline), and with
it ``--local-storage-capacity-isolation=false`` is dropped, since it has nothing left to hold back.

The original took the missing statistics for 9p's fault, then for statfs', and turned the question off in the end. The
price of that flag, no limits for ephemeral storage, need not be paid.

What would refute it: the root filesystem's statistics are missing with the file in place.
"""

import attrs

from experiments import exp13_redirect_proc_sys as parent
from experiments import parts
from runner.model.assertion import Absent

CADVISOR = Absent(
    id="cadvisor",
    claim="cAdvisor: unable to find data in memory cache",
    blockers=("cadvisor-root-stats-missing", "cpuacct-percpu-missing"),
    by=("cpuacct-percpu",),
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=33,
    slug="cpuacct-file",
    question="With cpuacct.usage_percpu there, does the kubelet start without its storage flag?",
    parent=13,
    change="cpuacct.usage_percpu leads to a file that exists, and the storage flag is dropped",
    refuted_by="the root filesystem's statistics are missing with the file in place",
    steps=parts.without(parent.EXPERIMENT.steps, "no-storage-isolation"),
    view=attrs.evolve(
        parts.PROC_SYS,
        files=(*parts.PROC_SYS.files, parts.DISKSTATS, parts.CPUACCT_PERCPU),
        holds_back={**parts.PROC_SYS.holds_back, "cpuacct-percpu": ("cadvisor-root-stats-missing",)},
    ),
    assertions=(CADVISOR, *(claim for claim in parent.EXPERIMENT.assertions if claim.id != "cadvisor")),
)
