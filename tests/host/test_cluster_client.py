"""The cluster client against a kubectl that is a shell script: what is created, asked, and asked again."""

from pathlib import Path

import pytest
import trio

from runner.core.prepare import prepare
from runner.host import cluster_client
from runner.host.clock import RunClock
from runner.host.cluster_client import ClusterClient, kubectl_of
from runner.model.events import AnyEvent, LineSeen, PodAnswered, StepDone, WitnessSeen
from runner.model.plan import RunPlan
from runner.registry import find

KUBECONFIG = Path("/etc/admin.conf")
# Everything fails once before it works, as it does in a cluster that comes up.
KUBECTL = """#!/bin/sh
here=${0%/*}
[ "$1" = --kubeconfig=/etc/admin.conf ] || exit 9
shift 2
echo "$*" >> "$here/calls"
[ -e "$here/$1" ] || { touch "$here/$1"; echo "not yet"; exit 1; }
case $1 in
apply) cat > "$here/applied"; echo pod/hello created ;;
get) echo "hello Running true" ;;
logs) echo "hello from a pod" ;;
exec) echo "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016" ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cluster_client, "ASK_EVERY_S", 0.01)
    path = tmp_path / "kubectl"
    path.write_text(KUBECTL)
    path.chmod(0o755)
    return path


def plan_of(workload: str = "k3s", command: tuple[str, ...] = ("/bin/k3s", "server")) -> RunPlan:
    return prepare(find("60"), workload=workload, arena="gvisor", command=command)  # type: ignore[arg-type]


async def watched(plan: RunPlan, kubectl: Path, until: int) -> list[AnyEvent]:
    """The client's events up to the second matching answer; the node registers at once."""
    events: list[AnyEvent] = []
    registered, done = trio.Event(), trio.Event()

    async def send(*batch: AnyEvent) -> None:
        events.extend(batch)
        if sum(isinstance(one, PodAnswered) and one.matched for one in events) == until:
            done.set()

    async with trio.open_nursery() as nursery:
        client = ClusterClient(plan, str(kubectl), KUBECONFIG, RunClock(0.0), send)
        nursery.start_soon(client.watch, registered)
        registered.set()
        with trio.fail_after(30):
            await done.wait()
        nursery.cancel_scope.cancel()
    return events


@pytest.mark.trio
async def test_objects_are_created_pods_awaited_and_asked_until_the_answer_matches(kubectl: Path) -> None:
    events = await watched(plan_of(), kubectl, until=2)
    (created,) = [event for event in events if isinstance(event, StepDone)]
    assert (created.id, created.verified) == ("pods", "pod/hello created")
    (running,) = [event for event in events if isinstance(event, WitnessSeen)]
    assert (running.milestone, running.witness) == (
        "pod-running",
        "kubectl get pods: hello Running, container ready",
    )
    answers = [(event.assertion, event.matched, event.text) for event in events if isinstance(event, PodAnswered)]
    assert ("logs", False, "not yet") in answers
    assert ("logs", True, "hello from a pod") in answers
    assert ("exec", True, "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016") in answers
    assert (kubectl.parent / "applied").read_text().startswith('{"apiVersion":"v1","kind":"List"')
    calls = (kubectl.parent / "calls").read_text().splitlines()
    assert "exec hello -- cat /proc/version" in calls
    complaints = [event.text for event in events if isinstance(event, LineSeen) and event.source == "kubectl"]
    assert "kubectl exec hello -- cat /proc/version: not yet" in complaints
    # Nothing is asked again once it matched.
    assert calls.count("logs hello --tail=20") == 2


@pytest.mark.trio
async def test_nothing_is_asked_before_the_node_is_registered(kubectl: Path) -> None:
    async def send(_event: AnyEvent) -> None:
        pytest.fail("an event without a node")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ClusterClient(plan_of(), str(kubectl), KUBECONFIG, RunClock(0.0), send).watch, trio.Event())
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not (kubectl.parent / "calls").exists()


def test_kubectl_is_k3s_itself_or_the_one_beside_the_upstream_components_and_the_standin_has_none() -> None:
    assert kubectl_of(plan_of()) == "/bin/k3s"
    upstream = plan_of("kubernetes", ("python", "-m", "runner.cluster", "--programs=/cache/k8s"))
    assert kubectl_of(upstream) == "/cache/k8s/kubectl"
    assert kubectl_of(plan_of("standin")) is None
