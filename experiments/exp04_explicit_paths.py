"""Experiment 4: does redirecting a list of paths, every system call stopped, get the kubelet past /proc/sys?

Parent: 2. The one change: an interceptor answers for the kubelet's six sysctls, /proc/diskstats and cpuacct.usage_percpu.
Mechanism ``syscall`` (PTRACE_SYSCALL on everything) is the original's own way, and the control for all others.

Differences from the original: its snapshotter was fuse-overlayfs (there is none here; native), it passed no kubelet flags,
and it hid paths of its list below ``kernel/keys`` behind /dev/zero. Its run ended at the root filesystem's statistics
although it served a usage_percpu file: libcontainer of its day then asked for the filesystem's type, which was not a
cgroup's. Today's opens it beneath /sys/fs/cgroup with openat2 and takes what it gets: that blocker is gone, and the next
two are kube-proxy's.

What would refute it: one of the six sysctls is still missed, or the statistics are.
"""

import attrs

from experiments import exp02_worker_native as parent
from experiments import parts
from runner.model.assertion import Absent, Redirected
from runner.model.experiment import Expected
from runner.model.view import View

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=4,
    slug="explicit-paths",
    question="Does redirecting an explicit list of paths, with every system call stopped, get the kubelet past /proc/sys?",
    parent=2,
    change="an interceptor redirects eight named paths",
    refuted_by="the kubelet still misses one of the listed files",
    view=View(
        files=(*parts.KUBELET_SYSCTLS, parts.DISKSTATS, parts.CPUACCT_PERCPU),
        holds_back={
            "sysctl-kubelet": ("kubelet-sysctl-missing", "overcommit-memory-eio"),
            "cpuacct-percpu": ("cadvisor-root-stats-missing",),
        },
    ),
    mechanism="syscall",
    assertions=(
        *parent.EXPERIMENT.assertions,
        Absent(
            id="cadvisor",
            claim="cAdvisor: unable to find data in memory cache",
            blockers=("cadvisor-root-stats-missing",),
            by=("cpuacct-percpu",),
        ),
        Absent(
            id="proc-sys-files",
            claim="kubelet: /proc/sys files missing or not writable",
            blockers=("kubelet-sysctl-missing", "overcommit-memory-eio"),
            by=("sysctl-kubelet",),
        ),
        Redirected(id="interceptor", claim="the interceptor is seen working for vm", prefix="/proc/sys/vm", at_least=2),
    ),
    deadline_s=90,
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("iptables-nft-unsupported",),
            reaches="node-registered",
        ),
    ),
)
