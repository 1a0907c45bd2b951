"""One line of health from what kubectl lists."""

import json

from runner.up.health import health


def node(ready: str, **more: str) -> dict[str, object]:
    conditions = [
        {"type": "Ready", "status": ready},
        *({"type": name, "status": status} for name, status in more.items()),
    ]
    return {"kind": "Node", "metadata": {"name": "runsc"}, "status": {"conditions": conditions}}


def pod(name: str, *, ready: bool = False, waiting: str = "") -> dict[str, object]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "kind": "Pod",
        "metadata": {"name": name},
        "status": {"containerStatuses": [{"ready": ready, "state": state}]},
    }


def listing(*items: dict[str, object]) -> str:
    return json.dumps({"items": items})


def test_a_ready_cluster_with_its_pods_is_one_line() -> None:
    said = health(listing(node("True"), pod("web", ready=True), pod("db", waiting="ContainerCreating")), ready=True)
    assert said == "API ready; node runsc Ready; 1 of 2 pods running"


def test_pressure_and_a_pod_in_trouble_are_named() -> None:
    said = health(listing(node("False", DiskPressure="True"), pod("web", waiting="ErrImageNeverPull")), ready=True)
    assert said == "API ready; node runsc NotReady, DiskPressure; 0 of 1 pods running; web ErrImageNeverPull"


def test_no_answer_is_not_taken_for_an_empty_cluster() -> None:
    assert health("", ready=False) == "API does not answer"
    assert health(listing(), ready=True) == "API ready"
    assert health(json.dumps({"items": [{"kind": "Node", "metadata": {"name": "n"}}]}), ready=False) == (
        "API not ready; node n NotReady"
    )
