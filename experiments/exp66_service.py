"""Experiment 66: does a pod reach a service through kube-proxy as it comes?

Parent: 65. The one change: the pod asks the address of a service instead of the pods'. It is a fixed one, so that no DNS is
needed.

It does not. kube-proxy writes its rules in one pass, and each has a comment: the first iptables match that gVisor lacks
makes the pass fail (``Extension comment revision 0 not supported``), and no service has an address that leads anywhere.

What would refute it: an answer.
"""

import attrs

from experiments import exp65_pod_to_pod as parent
from experiments import parts
from runner.model.assertion import PodAnswers, Present

SERVICE: dict[str, object] = {
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"clusterIP": "10.43.0.80", "selector": {"app": "web"}, "ports": [{"port": 80}]},
}
ASKED = PodAnswers(
    id="pod-to-service",
    claim="a pod gets a page from a service",
    pod="client",
    command=("sh", "-c", parts.get("10.43.0.80")),
    pattern=r"web says hello",
    workloads=parts.RUNS_PODS,
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=66,
    slug="service",
    question="Does a pod reach a service through kube-proxy as it comes?",
    parent=65,
    change="the pod asks a service",
    refuted_by="an answer comes",
    steps=(*parts.without(parent.EXPERIMENT.steps, "pods"), parts.pods(SERVICE, parent.WEB, parent.CLIENT)),
    assertions=(
        *parent.EXPERIMENT.assertions,
        ASKED,
        Present(
            id="why",
            claim="kube-proxy's rules are refused",
            pattern=r"Extension \w+ revision \d+ not supported|\"Sync failed\"",
            workloads=parts.RUNS_PODS,
        ),
    ),
    expected=(
        attrs.evolve(parent.EXPERIMENT.expected[0], verdict="fail", fails=("pod-to-service",)),
        parent.EXPERIMENT.expected[1],
    ),
)
