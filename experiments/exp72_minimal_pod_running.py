"""Experiment 72: what is the least of experiment 60 that reaches pod-running?

Parent: 60. The one change: everything that delta debugging could take away is gone; 13 of 25 units are left:
cgroup-v1, kmsg, iptables-legacy, no-storage-isolation, flannel-none, cni-loopback, cni-conflist, pause-image,
busybox-image, pods, sysctl-tree, sysctl-kubelet, sysctl-net.

Found with k3s v1.34.1+k3s1 in gvisor v0.0.0-20260905035102-160fafc42237 systrap mechanism mount: 1 of 1 runs of it
reached pod-running.

The view's tree is among them because the view is mounted: without it there is no route_localnet to mount the view's file onto.
Without flannel k3s does not ask for host-local, so the CNI stub of experiment 13 can be spared; iptables-legacy and route_localnet
cannot, since kube-proxy takes k3s with it before the pod runs.

What would refute it: pod-running is not reached, or is reached with one of the rest gone as well.
"""

import attrs

from experiments import exp60_host_network_pod as parent
from experiments.least import least

SPARED = (
    "rshared",
    "cni-stub",
    "snapshotter-native",
    "fail-swap-on",
    "no-qos-cgroups",
    "protect-kernel-defaults",
    "image-gc",
    "disable-addons",
    "kubeconfig-mode",
    "sysctl-extra",
    "diskstats",
    "cpuacct-percpu",
)

_LEAST = least(parent.EXPERIMENT, SPARED, number=72, slug="minimal-pod-running", goal="pod-running")
EXPERIMENT = attrs.evolve(
    _LEAST,
    other_goals=parent.EXPERIMENT.other_goals,
    expected=(*_LEAST.expected, parent.EXPERIMENT.expected[-1]),
)
