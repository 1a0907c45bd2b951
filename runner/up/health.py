"""How a cluster is, in one line: from what kubectl says of nodes and pods. Pure."""

import json
from typing import Any


def health(listing: str, *, ready: bool) -> str:
    """One line.

    Args:
        listing: ``kubectl get nodes,pods --all-namespaces -o json``; empty when there was no answer.
        ready: Whether the API server calls itself ready.
    """
    if not listing:
        return "API does not answer"
    items: list[dict[str, Any]] = json.loads(listing)["items"]
    parts = ["API ready" if ready else "API not ready"]
    for node in (item for item in items if item["kind"] == "Node"):
        conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions") or []}
        state = "Ready" if conditions.get("Ready") == "True" else "NotReady"
        pressed = [name for name, status in sorted(conditions.items()) if name != "Ready" and status == "True"]
        parts.append(f"node {node['metadata']['name']} {', '.join([state, *pressed])}")
    pods = [item for item in items if item["kind"] == "Pod"]
    running = [pod for pod in pods if _is_running(pod)]
    if pods:
        parts.append(f"{len(running)} of {len(pods)} pods running")
    parts += [f"{pod['metadata']['name']} {_trouble(pod)}" for pod in pods if _trouble(pod)]
    return "; ".join(parts)


def _statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return pod.get("status", {}).get("containerStatuses") or []


def _is_running(pod: dict[str, Any]) -> bool:
    statuses = _statuses(pod)
    return bool(statuses) and all(status.get("ready") for status in statuses)


def _trouble(pod: dict[str, Any]) -> str:
    reasons = {
        status["state"]["waiting"]["reason"] for status in _statuses(pod) if "waiting" in status.get("state", {})
    }
    return ", ".join(sorted(reasons - {"ContainerCreating", "PodInitializing"}))
