"""Experiment 68: does a pod reach the API server through its service?

Parent: 67. The one change: the node's address is the pods' gateway, on a device of its own, which is also where the route to
the services begins.

Without it, gVisor's stack sends its answers out by the device that has the answer's address, if any route, be it the default
one, leads out there: what a pod asks of the node's first address is answered into the void, and so is what the node asks of a
service. The gateway's address is on each pod's device, so answers from it take the pod's.

What would refute it: the connection is not made, or is made in experiment 67 as well.
"""

import attrs

from experiments import exp67_plain_iptables as parent
from experiments import parts
from runner.model.assertion import PodAnswers
from runner.model.step import NetworkDevice, WorkloadFlag

NODE = NetworkDevice(
    id="node-device",
    name="node0",
    address="10.42.0.1/32",
    routes=("10.43.0.0/16",),
    reason="gVisor answers by the device that has the address: this one's is the pods' gateway, and no other route leads there",
    workloads=parts.RUNS_PODS,
)
NODE_IP = WorkloadFlag(
    id="node-ip",
    flags=("--node-ip=10.42.0.1",),
    reason="as node-device: the API's service then leads to an address that can answer pods",
    workloads=parts.RUNS_PODS,
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=68,
    slug="node-address",
    question="Does a pod reach the API server through its service when the node's address is the pods' gateway?",
    parent=67,
    change="the node's address is the pods' gateway",
    refuted_by="no connection is made",
    steps=(NODE, *parent.EXPERIMENT.steps, NODE_IP),
    assertions=(
        *parent.EXPERIMENT.assertions,
        PodAnswers(
            id="pod-to-api",
            claim="a pod connects to the API server's service",
            pod="client",
            command=("sh", "-c", "nc -w 3 10.43.0.1 443 < /dev/null && echo connected"),
            pattern=r"^connected$",
            workloads=parts.RUNS_PODS,
        ),
    ),
)
