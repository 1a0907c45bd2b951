"""Experiment 69: does a pod find a service by its name?

Parent: 68. The one change: CoreDNS, in a pod of its own behind the service address that the kubelet names to every pod. It is
built from its Go module, since no registry can be reached, and asks the API server from within its pod.

What would refute it: CoreDNS does not get at the API, or no answer comes: DNS is the first thing here that goes over UDP.
"""

import attrs

from experiments import exp68_node_address as parent
from experiments import parts
from experiments.exp66_service import SERVICE
from runner.model.assertion import PodAnswers
from runner.model.step import ImagePreload

COREDNS = ImagePreload(
    id="coredns-image",
    name="docker.io/local/coredns:1",
    command=("/bin/coredns",),
    program="coredns",
    reason="the cluster's DNS; its image cannot be pulled, its Go module can be had",
    workloads=parts.RUNS_PODS,
)
COREFILE = """.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa
    cache 30
}
"""
NAMED = {"name": "coredns", "namespace": "kube-system"}
LABELS = {"k8s-app": "kube-dns"}
RBAC = "rbac.authorization.k8s.io"
READS = [
    {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
]
CONTAINER = {
    "name": "coredns",
    "image": COREDNS.name,
    "imagePullPolicy": "Never",
    "command": ["/bin/coredns", "-conf", "/etc/coredns/Corefile"],
    "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
}
OBJECTS: tuple[dict[str, object], ...] = (
    {"kind": "ServiceAccount", "metadata": NAMED},
    {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "coredns"}, "rules": READS},
    {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "coredns"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "coredns"},
        "subjects": [{"kind": "ServiceAccount", **NAMED}],
    },
    {"kind": "ConfigMap", "metadata": NAMED, "data": {"Corefile": COREFILE}},
    {
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": "10.43.0.10",
            "selector": LABELS,
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
            ],
        },
    },
    {
        "kind": "Pod",
        "metadata": {**NAMED, "labels": LABELS},
        "spec": {
            "serviceAccountName": "coredns",
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": 0,
            "containers": [CONTAINER],
            "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
        },
    },
)
DNS = attrs.evolve(
    parts.pods(*OBJECTS), id="dns", serves=True, reason="the cluster's DNS, where the kubelet tells every pod to ask"
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=69,
    slug="cluster-dns",
    question="Does a pod find a service by its name?",
    parent=68,
    change="CoreDNS runs in a pod, behind the address that pods ask for names",
    refuted_by="no name is found",
    steps=(*parent.EXPERIMENT.steps, COREDNS, DNS),
    assertions=(
        *parent.EXPERIMENT.assertions,
        PodAnswers(
            id="service-by-name",
            claim="a pod finds the address of a service by its name",
            pod="client",
            command=("nslookup", "web.default.svc.cluster.local"),
            pattern=rf"Address: {SERVICE['spec']['clusterIP']}",  # type: ignore[index]
            workloads=parts.RUNS_PODS,
        ),
    ),
)
