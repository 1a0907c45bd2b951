"""Experiment 5: is a file called host-local on PATH all that the control plane waits for?

Parent: 1. The one change: an executable of that name, and the packaged add-ons off.

The original's explanation (k3s validates the plugin's answer) does not hold: the file is looked up and never run, which
is why the stub's content does not matter. Difference from the original: no ``--data-dir``, as in its later script.

What would refute it: k3s still waits, or the stub is executed.
"""

import attrs

from experiments import exp01_control_plane_only as parent
from experiments import parts
from runner.model.assertion import Absent, Metric, Present, Reached
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=5,
    slug="cni-stub",
    question="Does a stub of host-local on PATH let k3s server --disable-agent serve its API?",
    parent=1,
    change="an executable called host-local is on PATH",
    refuted_by="the API does not serve, or the stub is run",
    steps=(*parent.EXPERIMENT.steps, parts.HOST_LOCAL_STUB, parts.DISABLE_ADDONS, parts.KUBECONFIG_MODE),
    assertions=(
        Absent(
            id="cni-plugin",
            claim="k3s agent: host-local not found",
            blockers=("host-local-not-found",),
            by=("cni-stub",),
            workloads=("k3s",),
        ),
        Present(id="kube-apiserver", claim="kube-apiserver started", pattern=r"Running kube-apiserver "),
        Reached(
            id="ready-soon",
            claim="the API serves within 30 s (the original's 15 to 20 s)",
            milestone="poststart-hooks-done",
            within_s=30,
        ),
        Metric(id="api-requests", claim="API requests are handled", metric="api_requests", at_least=10),
    ),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="poststart-hooks-done"),),
)
