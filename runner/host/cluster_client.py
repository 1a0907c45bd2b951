"""Does with the cluster what a person would: creates objects, and asks pods with ``kubectl logs`` and ``kubectl exec``.

A pod that the kubelet reports as started is not yet one that can be used: logs and exec go through the API server, its
tunnel to the kubelet, the container runtime and the container's own namespaces. So kubectl itself is the witness, the one
that k3s is. Nothing is asked before the node is registered: until then a process every second would only cost the
start-up time. An answer that does not come is no error; it is asked for again until the run ends, and what kubectl said
instead is kept in a log of its own.
"""

import re
import subprocess
from pathlib import Path

import trio

from runner.core.prepare import kind_of
from runner.host.clock import RunClock
from runner.host.watch import LineNumberer, Send
from runner.model.assertion import PodAnswers
from runner.model.events import PodAnswered, StepDone, WitnessSeen
from runner.model.plan import RunPlan
from runner.model.step import Manifest

ASK_EVERY_S = 1.0
ANSWER_WITHIN_S = 15.0
TEXT_KEPT = 400
RUNNING = re.compile(r"^(?P<name>\S+) Running true$", re.MULTILINE)
PHASES = (
    "get",
    "pods",
    "-o",
    'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.containerStatuses[0].ready}{"\\n"}{end}',
)


class ClusterClient:
    """Creates a plan's objects and asks its pods.

    Args:
        plan: Its manifests and its claims about pods.
        kubectl: The program that is kubectl when it is called so.
        kubeconfig: The admin's.
        clock: The run's clock.
        send: Where events go.
    """

    def __init__(self, plan: RunPlan, kubectl: str, kubeconfig: Path, clock: RunClock, send: Send) -> None:
        self._manifests = [step for step in plan.steps if isinstance(step, Manifest)]
        self._asked = [
            claim for claim in plan.assertions if isinstance(claim, PodAnswers) and plan.workload in claim.workloads
        ]
        self._kubectl = kubectl
        self._options = (f"--kubeconfig={kubeconfig}", "--request-timeout=10s")
        self._log = LineNumberer("kubectl", clock, send)
        self._complaints: set[str] = set()
        self._clock = clock
        self._send = send
        self._running: set[str] = set()

    async def watch(self, registered: trio.Event) -> None:
        """Work until cancelled, from when the node is registered."""
        await registered.wait()
        for manifest in self._manifests:
            await self._create(manifest)
        await self._await_pods()
        async with trio.open_nursery() as nursery:
            for claim in self._asked:
                nursery.start_soon(self._ask, claim)

    async def _create(self, manifest: Manifest) -> None:
        text = '{"apiVersion":"v1","kind":"List","items":[' + ",".join(manifest.objects) + "]}"
        while True:
            # Again until it works: the namespace's service account, which pods need, comes some seconds after the API.
            code, said = await self._call("apply", "-f", "-", stdin=text)
            if code == 0:
                break
            await trio.sleep(ASK_EVERY_S)
        await self._send(
            StepDone(
                at_s=self._clock.now_s(),
                id=manifest.id,
                kind=kind_of(manifest),
                outcome="applied",
                reason=manifest.reason,
                verified="; ".join(said.split("\n")),
            )
        )

    async def _await_pods(self) -> None:
        wanted = {claim.pod for claim in self._asked}
        while not self._running or not wanted <= self._running:
            code, said = await self._call(*PHASES)
            names = [match["name"] for match in RUNNING.finditer(said)] if code == 0 else []
            if names and not self._running:
                witness = f"kubectl get pods: {names[0]} Running, container ready"
                await self._send(
                    WitnessSeen(at_s=self._clock.now_s(), milestone="pod-running", witness=witness, requests=0)
                )
            self._running.update(names)
            await trio.sleep(ASK_EVERY_S)

    async def _ask(self, claim: PodAnswers) -> None:
        words = ("exec", claim.pod, "--", *claim.command) if claim.command else ("logs", claim.pod, "--tail=20")
        matched = False
        while not matched:
            code, said = await self._call(*words)
            matched = code == 0 and re.search(claim.pattern, said) is not None
            await self._send(
                PodAnswered(
                    at_s=self._clock.now_s(), assertion=claim.id, matched=matched, text=said.strip()[-TEXT_KEPT:]
                )
            )
            if not matched:
                await trio.sleep(ASK_EVERY_S)

    async def _call(self, *words: str, stdin: str = "") -> tuple[int, str]:
        """One call of kubectl: exit code and what it said on both streams; -1 when it did not end in time."""
        code, said = await self._run(words, stdin)
        complaint = f"kubectl {' '.join(words)}: {said}"
        if code != 0 and complaint not in self._complaints:
            self._complaints.add(complaint)
            await self._log.feed(f"{complaint}\n".encode())
        return code, said

    async def _run(self, words: tuple[str, ...], stdin: str) -> tuple[int, str]:
        with trio.move_on_after(ANSWER_WITHIN_S):
            try:
                done = await trio.run_process(
                    ["kubectl", *self._options, *words],
                    executable=self._kubectl,
                    stdin=stdin.encode(),
                    capture_stdout=True,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            except OSError as error:
                return -1, str(error)
            return done.returncode, done.stdout.decode(errors="replace").strip()
        return -1, f"no answer within {ANSWER_WITHIN_S:g} s"


def kubectl_of(plan: RunPlan) -> str | None:
    """The program that is a workload's own kubectl; None where it has none.

    It must be called by that name: a lone k3s takes ``k3s kubectl get`` for ``kubectl kubectl get``.
    """
    if plan.workload == "k3s":
        return plan.argv[0]
    if plan.workload == "kubernetes":
        programs = next(word.partition("=")[2] for word in plan.argv if word.startswith("--programs="))
        return f"{programs}/kubectl"
    return None
