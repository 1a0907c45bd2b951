"""Experiment 60: does a pod on the host's network run, and can it be used?

Parent: 38. The one change: a pod, and the two images that it takes, built here from a static busybox and imported by k3s at
its start.

"Used" is what a person would try first: its log, and a command inside it. Both go through the API server, k3s's tunnel to
the kubelet, containerd and runc.

What would refute it: the pod does not run, or ``kubectl logs`` or ``kubectl exec`` gives no answer.
"""

import attrs

from experiments import exp38_cni_conflist as parent
from experiments import parts
from runner.model.assertion import PodAnswers
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=60,
    slug="host-network-pod",
    question="Does a pod on the host's network run, and answer kubectl logs and kubectl exec?",
    parent=38,
    change="there is a pod, and the images for it are preloaded",
    refuted_by="the pod does not run, or cannot be asked",
    steps=(
        *parent.EXPERIMENT.steps,
        parts.PAUSE,
        parts.BUSYBOX,
        parts.pods(parts.pod("hello", "echo hello from a pod; exec sleep 2147483647", hostNetwork=True)),
    ),
    assertions=(
        *parent.EXPERIMENT.assertions,
        PodAnswers(
            id="logs",
            claim="kubectl logs shows what the pod wrote",
            pod="hello",
            pattern=r"^hello from a pod$",
            workloads=parts.RUNS_PODS,
        ),
        PodAnswers(
            id="exec",
            claim="kubectl exec runs a command in the pod",
            pod="hello",
            command=("cat", "/proc/version"),
            pattern=r"Sun Jan 10 15:06:54 PST 2016",  # the day on which every gVisor says its kernel was built
            workloads=parts.RUNS_PODS,
        ),
    ),
    target="pod-running",
    # The most that answers are waited for; the run ends when all have come.
    hold_s=30,
    deadline_s=180,
    expected=(
        Expected(verdict="pass", ended_by="target-reached", reaches="pod-running"),
        Expected(verdict="pass", ended_by="target-reached", reaches="node-ready", workloads=("standin",)),
    ),
)
