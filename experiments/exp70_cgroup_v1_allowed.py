"""Experiment 70: is the kubelet of Kubernetes 1.35 as good in gVisor as the one of 1.34, once it is allowed cgroup v1?

Parent: 13. The one change: ``--fail-cgroupv1=false``. From 1.35 on the kubelet refuses to start on cgroup v1, and gVisor has no
other; the flag, there since 1.31, takes the refusal back. On 1.34 it is the default and changes nothing, so one experiment
serves both: ``KUBERNETES_VERSION=v1.35.4 nox -s exp70 -- --workload kubernetes``.

What would refute it: ``cgroup-v1-refused`` appears all the same, or a milestone is missing that 1.34 reaches.
"""

import attrs

from experiments import exp13_redirect_proc_sys as parent
from runner.model.step import WorkloadFlag

CGROUP_V1_ALLOWED = WorkloadFlag(
    id="cgroup-v1-allowed",
    flags=("--kubelet-arg=--fail-cgroupv1=false",),
    # Not held back by it on every version: 1.34 warns only, so the blocker is no part of the declared outcome.
    reason="the kubelet of 1.35 refuses cgroup v1 unless told otherwise, and gVisor has no other",
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=70,
    slug="cgroup-v1-allowed",
    question="Does a kubelet of Kubernetes 1.35 start in gVisor when it is allowed cgroup v1?",
    parent=13,
    change="the kubelet is told not to refuse cgroup v1",
    refuted_by="the kubelet refuses cgroup v1 all the same, or gets less far than that of 1.34",
    steps=(*parent.EXPERIMENT.steps, CGROUP_V1_ALLOWED),
)
