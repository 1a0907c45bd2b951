"""Experiment 71: what is the least of experiment 13 that reaches node-ready?

Parent: 13. The one change: everything that delta debugging could take away is gone; 5 of 19 units are left:
cgroup-v1, kmsg, cni-stub, no-storage-isolation, sysctl-kubelet.

Found with k3s v1.34.1+k3s1 in gvisor v0.0.0-20260905035102-160fafc42237 systrap mechanism seccomp: 1 of 1 runs of it
reached node-ready.

The same five are left for node-registered; of sysctl-kubelet all six files are. The node is Ready for a moment only: what keeps
kube-proxy from ending k3s can be spared, because it ends it a little later. Experiment 72 has what stays.

What would refute it: node-ready is not reached, or is reached with one of the rest gone as well.
"""

from experiments import exp13_redirect_proc_sys as parent
from experiments.least import least

SPARED = (
    "rshared",
    "iptables-legacy",
    "snapshotter-native",
    "fail-swap-on",
    "no-qos-cgroups",
    "protect-kernel-defaults",
    "image-gc",
    "disable-addons",
    "kubeconfig-mode",
    "sysctl-tree",
    "sysctl-net",
    "sysctl-extra",
    "diskstats",
    "cpuacct-percpu",
)

EXPERIMENT = least(parent.EXPERIMENT, SPARED, number=71, slug="minimal-node-ready", goal="node-ready")
