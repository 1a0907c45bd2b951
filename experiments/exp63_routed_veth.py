"""Experiment 63: does a pod get a network of its own from what gVisor can do: a veth pair and plain routes?

Parent: 62. The one change: a CNI plugin of ours instead of ptp, ``experiments/files/routed-veth.sh``: the same design, less
the source address in the routes. Addresses come from host-local as before. The plugin turns forwarding on, so the view gives
up ``ip_forward``: the original's made-up file took the 1 and gVisor never heard of it.

The network comes up, and the container in it does not, on k3s: since gVisor's kernel calls itself 4.19, k3s tells containerd
to let pods use low ports without privilege, which is a sysctl in each pod's network namespace, and gVisor has no such file.

What would refute it: the pod does not get its network, or its container starts under k3s's own containerd configuration.
"""

import attrs

from experiments import exp62_cni_ptp as parent
from experiments import parts
from runner.model.assertion import PodAnswers
from runner.model.experiment import Expected
from runner.model.step import CniPlugin

ADDRESSES = {"type": "host-local", "ranges": [[{"subnet": "10.42.0.0/24"}]]}

ROUTED_VETH = CniPlugin(
    id="routed-veth",
    path="/opt/cni/bin/routed-veth",
    script=parts.shipped("routed-veth.sh"),
    reason="bridge and ptp end on what gVisor refuses, and neither thing is needed for a pod's network",
    workloads=parts.RUNS_PODS,
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=63,
    slug="routed-veth",
    question="Do a veth pair and plain routes give a pod a network of its own?",
    parent=62,
    change="a CNI plugin of ours instead of ptp",
    refuted_by="the pod gets no network, or its container starts",
    view=attrs.evolve(
        parent.EXPERIMENT.view,
        files=tuple(file for file in parent.EXPERIMENT.view.files if file.path != "/proc/sys/net/ipv4/ip_forward"),
    ),
    steps=(
        *parts.without(parent.EXPERIMENT.steps, "cni-plugins", "cni-conflist", "pods"),
        parts.cni_plugins("loopback", "host-local"),
        ROUTED_VETH,
        parts.cni_conflist({"type": "routed-veth", "ipam": ADDRESSES}),
        parts.pods(parts.pod("hello", "echo hello from a pod; exec httpd -f -p 80 -h /www")),
    ),
    assertions=(
        *parent.EXPERIMENT.assertions,
        PodAnswers(
            id="own-address",
            claim="the pod reaches its server on an address of the pod network",
            pod="hello",
            command=("sh", "-c", parts.get("$POD_IP") + "; echo from $POD_IP"),
            pattern=r"(?s)served by busybox.*from 10\.42\.0\.\d+",
            workloads=parts.RUNS_PODS,
        ),
    ),
    expected=(
        attrs.evolve(parent.EXPERIMENT.expected[0], blockers=("unprivileged-port-sysctl-missing",)),
        Expected(verdict="pass", ended_by="target-reached", reaches="pod-running", workloads=("kubernetes",)),
        parent.EXPERIMENT.expected[1],
    ),
)
