"""Experiment 34: does a worker stay up when flannel is not asked for?

Parent: 13. The one change: ``--flannel-backend=none``, the way forward that the original's report names first.

The node is registered and kube-proxy runs, and nothing ends them any more. It is not Ready: nobody writes a CNI
configuration.

What would refute it: something else ends k3s within a quarter of a minute of kube-proxy's start. flannel took five seconds.
"""

import attrs

from experiments import exp13_redirect_proc_sys as parent
from experiments import parts
from runner.model.assertion import Reached
from runner.model.experiment import Expected, Goal

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=34,
    slug="flannel-none",
    question="Does a k3s worker stay up without flannel?",
    parent=13,
    change="flannel is turned off",
    refuted_by="something else ends k3s within a quarter of a minute",
    steps=(*parent.EXPERIMENT.steps, parts.FLANNEL_NONE),
    assertions=(
        *(claim for claim in parent.EXPERIMENT.assertions if claim.id != "run-time"),
        Reached(id="registered", claim="the node is registered", milestone="node-registered"),
    ),
    target="kube-proxy-synced",
    hold_s=15,
    other_goals=(
        Goal(
            workloads=("standin",),
            target="kube-proxy-synced",
            hold_s=2,
            reason="the stand-in does nothing more after this that could end it",
        ),
    ),
    deadline_s=120,
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="kube-proxy-synced"),),
)
