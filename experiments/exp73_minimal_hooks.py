"""Experiment 73: what is the least of experiment 13 that reaches poststart-hooks-done?

Parent: 13. The one change: everything that delta debugging could take away is gone; 2 of 18 units are left:
cgroup-v1, cni-stub.

Found with k3s v1.34.1+k3s1 in gvisor 0.0~20221219.0 ptrace mechanism seccomp, without rshared: 1 of 1 runs of it
reached poststart-hooks-done.

It is as far as k3s comes in gVisor of 2022-12: the kubelet wants to make its directory a shared mount, and that gVisor refuses
(blocker kubelet-rshared-refused). rshared was left out from the beginning, because it asks for the same.

What would refute it: poststart-hooks-done is not reached, or is reached with one of the rest gone as well.
"""

from experiments import exp13_redirect_proc_sys as parent
from experiments.least import least

SPARED = (
    "rshared",
    "kmsg",
    "iptables-legacy",
    "snapshotter-native",
    "fail-swap-on",
    "no-qos-cgroups",
    "no-storage-isolation",
    "protect-kernel-defaults",
    "image-gc",
    "disable-addons",
    "kubeconfig-mode",
    "sysctl-tree",
    "sysctl-kubelet",
    "sysctl-net",
    "sysctl-extra",
    "diskstats",
    "cpuacct-percpu",
)

EXPERIMENT = least(parent.EXPERIMENT, SPARED, number=73, slug="minimal-hooks", goal="poststart-hooks-done")
