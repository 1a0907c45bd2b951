"""Experiment 2: how far does a worker get with mounts, a CNI plugin and kubelet flags, and no fake file?

Parent: 1. The one change: the agent runs, with everything that the original's last iteration (``tools/start-k3s.sh``) gave
it: /dev/kmsg, shared mounts, host-local on PATH, the data directory on a tmpfs, and the kubelet's flags.

Differences from the original: ``/proc/diskstats`` is left out, since a file cannot be bound over one that gVisor's procfs
does not have (the original ignored that error); ``--snapshotter=native`` was its last choice after fuse-overlayfs. Its
log shows the missing sysctls and the missing root statistics in one line, which no kubelet prints: the statistics are
asked for first, and that failure ends it.

What would refute it: the container manager starts, or something else ends the kubelet first.
"""

import attrs

from experiments import exp01_control_plane_only as parent
from experiments import parts
from runner.model.assertion import Absent
from runner.model.experiment import Expected, Goal
from runner.model.step import TmpfsMount, WorkloadFlag

DATA_ON_TMPFS = TmpfsMount(
    id="data-tmpfs",
    target="/mnt/k3s-tmpfs",
    reason="the original tried to show cAdvisor another filesystem than 9p; its type is not what cAdvisor fails at",
)
DATA_DIR = WorkloadFlag(
    id="data-dir",
    flags=("--data-dir=/mnt/k3s-tmpfs",),
    reason="as data-tmpfs: state on the tmpfs",
    workloads=parts.K3S_ALONE,
)
EVICTION = WorkloadFlag(
    id="no-eviction",
    flags=("--kubelet-arg=--eviction-hard=", "--kubelet-arg=--eviction-soft="),
    reason="one of the original's six attempts to keep the kubelet from asking for the root filesystem",
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=2,
    slug="worker-native",
    question="How far does a k3s worker get with mounts, a CNI plugin on PATH and kubelet flags alone?",
    parent=1,
    change="the agent runs, with /dev/kmsg, shared mounts, host-local on PATH, a tmpfs for state and kubelet flags",
    refuted_by="the kubelet gets past the root filesystem's statistics",
    steps=(
        parts.CGROUP_V1,
        parts.RSHARED,
        parts.KMSG,
        parts.CNI_PLUGINS_ON_PATH,
        DATA_ON_TMPFS,
        DATA_DIR,
        parts.SNAPSHOTTER_NATIVE,
        parts.FAIL_SWAP_OFF,
        parts.NO_QOS_CGROUPS,
        parts.KERNEL_DEFAULTS,
        parts.IMAGE_GC,
        EVICTION,
    ),
    assertions=(
        Absent(
            id="cni-plugin",
            claim="k3s agent: host-local not found",
            blockers=("host-local-not-found",),
            by=("cni-path",),
            workloads=parts.K3S_ALONE,
        ),
    ),
    target="node-ready",
    hold_s=15,
    other_goals=(
        attrs.evolve(parent.EXPERIMENT.other_goals[0], workloads=("standin",)),
        Goal(
            workloads=("kubernetes",),
            target="node-registered",
            hold_s=15,
            reason="its API server is ready before its kubelet has begun, and without flannel the node stays NotReady",
        ),
    ),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("cadvisor-root-stats-missing",),
            reaches="poststart-hooks-done",
        ),
    ),
)
