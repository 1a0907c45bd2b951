"""Experiment 39: does flannel stay up when it needs no vxlan device?

Parent: 13. The one change: ``--flannel-backend=host-gw``, which sets routes to other nodes and makes no device of its own. On
a single node there is nothing to route to, and the CNI configuration that flannel writes would come for free.

What would refute it: flannel ends k3s as with vxlan, or the node does not stay ready.
"""

import attrs

from experiments import exp13_redirect_proc_sys as parent
from experiments import parts
from runner.model.experiment import Expected
from runner.model.step import WorkloadFlag

HOST_GW = WorkloadFlag(
    id="flannel-host-gw",
    flags=("--flannel-backend=host-gw",),
    reason="flannel's default wants a vxlan device, which gVisor does not have",
    holds_back=("flannel-vxlan-unsupported",),
    workloads=parts.K3S_REAL,  # the stand-in's flannel has vxlan alone
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=39,
    slug="flannel-host-gw",
    question="Does a k3s worker stay up with flannel's host-gw backend?",
    parent=13,
    change="flannel's backend is host-gw instead of vxlan",
    refuted_by="flannel ends k3s, or the node does not stay ready",
    steps=(*parent.EXPERIMENT.steps, HOST_GW),
    assertions=tuple(claim for claim in parent.EXPERIMENT.assertions if claim.id != "run-time"),
    hold_s=15,
    expected=(
        Expected(verdict="pass", ended_by="target-reached", reaches="node-ready"),
        attrs.evolve(parent.EXPERIMENT.expected[0], workloads=("standin",)),
        *parent.EXPERIMENT.expected[1:],
    ),
)
