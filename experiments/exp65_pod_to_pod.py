"""Experiment 65: do two pods reach each other?

Parent: 64. The one change: a second pod. The first asks the addresses of the pod network one after the other, since
which pod gets which is not known before; only the second serves anything.

What would refute it: no answer.
"""

import attrs

from experiments import exp64_containerd_config as parent
from experiments import parts
from runner.model.assertion import PodAnswers

WEB = parts.pod("web", "mkdir -p /srv; echo web says hello > /srv/index.html; exec httpd -f -p 80 -h /srv")
CLIENT = parts.pod("client", "exec sleep 2147483647")
EVERY_ADDRESS = f"for i in 2 3 4 5 6 7; do {parts.get('10.42.0.$i')}; done; true"

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=65,
    slug="pod-to-pod",
    question="Do two pods with networks of their own reach each other?",
    parent=64,
    change="there is a second pod, and the first one asks it",
    refuted_by="no answer comes",
    steps=(*parts.without(parent.EXPERIMENT.steps, "pods"), parts.pods(WEB, CLIENT)),
    assertions=(
        *(claim for claim in parent.EXPERIMENT.assertions if not isinstance(claim, PodAnswers)),
        PodAnswers(
            id="pod-to-pod",
            claim="one pod gets a page from the other",
            pod="client",
            command=("sh", "-c", EVERY_ADDRESS),
            pattern=r"web says hello",
            workloads=parts.RUNS_PODS,
        ),
    ),
)
