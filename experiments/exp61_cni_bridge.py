"""Experiment 61: does the CNI project's bridge plugin give a pod a network of its own?

Parent: 60. The one change: the pod is not on the host's network, and the CNI configuration names the bridge plugin, with
addresses from host-local: what most clusters start with.

It does not. The plugin sets the hairpin flag of every port, whatever its configuration says, and gVisor refuses to.

What would refute it: the pod runs.
"""

import attrs

from experiments import exp60_host_network_pod as parent
from experiments import parts
from runner.model.experiment import Expected

STEPS = parts.without(parent.EXPERIMENT.steps, "cni-stub", "cni-loopback", "cni-conflist", "pods")
HELLO = parts.pod("hello", "echo hello from a pod; exec sleep 2147483647")
ADDRESSES = {"type": "host-local", "ranges": [[{"subnet": "10.42.0.0/24"}]]}

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=61,
    slug="cni-bridge",
    question="Does a pod get a network of its own from the bridge plugin?",
    parent=60,
    change="the pod has a network of its own, from the CNI project's bridge plugin",
    refuted_by="the pod runs",
    steps=(
        *STEPS,
        parts.cni_plugins("loopback", "bridge", "host-local"),
        parts.cni_conflist({"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": ADDRESSES}),
        parts.pods(HELLO),
    ),
    assertions=tuple(claim for claim in parent.EXPERIMENT.assertions if claim.id != "cni-plugin"),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("cni-bridge-hairpin-unsupported",),
            reaches="node-ready",
            fails=(),
            holds=False,
        ),
        Expected(verdict="pass", ended_by="target-reached", reaches="node-ready", workloads=("standin",)),
    ),
)
