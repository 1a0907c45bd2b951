"""Experiment 38: does a CNI configuration make the node Ready?

Parent: 35. The one change: a conflist that names the loopback plugin alone, and the plugin where containerd looks for it.
Pods on the host's network need no more.

What would refute it: the node stays NotReady, or does not stay Ready.
"""

import attrs

from experiments import exp35_view_by_mounts as parent
from experiments import parts
from runner.model.experiment import Expected

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=38,
    slug="cni-conflist",
    question="Does a CNI configuration with the loopback plugin alone make the node Ready?",
    parent=35,
    change="there is a CNI configuration, with the loopback plugin alone",
    refuted_by="the node does not become, or does not stay, Ready",
    steps=(*parent.EXPERIMENT.steps, parts.CNI_LOOPBACK, parts.cni_conflist({"type": "loopback"})),
    target="node-ready",
    other_goals=(parts.STANDIN_NODE_READY,),
    expected=(Expected(verdict="pass", ended_by="target-reached", reaches="node-ready"),),
)
