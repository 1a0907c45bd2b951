"""Experiment 12: how far do the kubelet's flags get a worker when nothing is intercepted?

Parent: 2. The one change: ``--local-storage-capacity-isolation=false``, which keeps the kubelet from asking for the
statistics that cAdvisor does not have.

Differences from the original: it bound four made-up files over /proc/sys and ignored that three of them have no target in
gVisor's procfs. Only the one that can be bound is: vm/overcommit_memory.

What would refute it: the missing sysctls do not end the kubelet, or the statistics still do.
"""

import attrs

from experiments import exp02_worker_native as parent
from experiments import parts
from runner.model.assertion import Absent
from runner.model.experiment import Expected
from runner.model.step import BindMount, WriteFile

OVERCOMMIT_FILE = WriteFile(
    id="overcommit-file",
    path="/tmp/fake-procsys/vm/overcommit_memory",
    content="1\n",
    reason="what the kubelet wants to read (the original's script wrote 1, too)",
)
OVERCOMMIT = BindMount(
    id="overcommit-memory",
    source=OVERCOMMIT_FILE.path,
    target="/proc/sys/vm/overcommit_memory",
    reason="the only one of the kubelet's six sysctls that gVisor has a file for; a write to its own answers EIO",
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=12,
    slug="flags-only",
    question="How far do kubelet flags, without any interception, get a k3s worker?",
    parent=2,
    change="the kubelet is told not to ask for the root filesystem's statistics",
    refuted_by="the kubelet gets past its sysctls, or still fails for the statistics",
    steps=(
        parts.CGROUP_V1,
        parts.RSHARED,
        parts.KMSG,
        parts.HOST_LOCAL_STUB,
        OVERCOMMIT_FILE,
        OVERCOMMIT,
        parts.SNAPSHOTTER_NATIVE,
        parts.FAIL_SWAP_OFF,
        parts.NO_QOS_CGROUPS,
        parts.NO_ROOTFS_ISOLATION,
        parts.KERNEL_DEFAULTS,
        parts.IMAGE_GC,
        parts.DISABLE_ADDONS,
        parts.KUBECONFIG_MODE,
    ),
    assertions=(
        Absent(
            id="cni-plugin",
            claim="k3s agent: host-local not found",
            blockers=("host-local-not-found",),
            by=("cni-stub",),
            workloads=parts.K3S_ALONE,
        ),
    ),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("kubelet-sysctl-missing",),
            reaches="poststart-hooks-done",
        ),
    ),
)
