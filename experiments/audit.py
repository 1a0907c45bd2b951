"""The API server's audit of a few requests, as a witness of the priority-class hook; data only."""

import json
from typing import Final

from experiments import parts
from runner.model.step import AnyStep, WorkloadFlag, WriteFile

_POLICY_PATH = "/etc/kubernetes-audit-policy.yaml"
# JSON is YAML. What the API server asks itself for (user system:apiserver), at the moment it is answered: the hook's
# creates, and the lists with which its admission plugins fill their caches.
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "Panic"],
    "rules": [
        {
            "level": "Metadata",
            "users": ["system:apiserver"],
            "verbs": ["create"],
            "resources": [{"group": "scheduling.k8s.io", "resources": ["priorityclasses"]}],
        },
        {
            "level": "Metadata",
            "users": ["system:apiserver"],
            "verbs": ["list", "watch"],
        },
        {"level": "None"},
    ],
}

AUDIT: Final[tuple[AnyStep, ...]] = (
    WriteFile(
        id="audit-policy",
        path=_POLICY_PATH,
        content=json.dumps(_POLICY, indent=2) + "\n",
        reason="which requests the API server's audit log names: the hook's creates, and the lists that fill its own caches",
        workloads=parts.K3S_REAL,
    ),
    WorkloadFlag(
        id="audit",
        flags=(f"--kube-apiserver-arg=audit-policy-file={_POLICY_PATH}", "--kube-apiserver-arg=audit-log-path=-"),
        reason="no line at the usual verbosity says when the hook's first create came in, or when a cache was filled",
        workloads=parts.K3S_REAL,
    ),
)
