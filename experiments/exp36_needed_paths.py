"""Experiment 36: how little interception is enough?

Parent: 34. The one change: instead of all of /proc/sys, the seven files that somebody cannot do without: the kubelet's six
and kube-proxy's route_localnet.

The report's idea was to intercept writes only. That cannot work: the kubelet reads first, and a failed read is final.
Reads and writes of seven files can, and seccomp stops at opens alone.

What would refute it: another file of /proc/sys turns out to be needed.
"""

import attrs

from experiments import exp34_flannel_none as parent
from experiments import parts
from runner.model.assertion import Redirected
from runner.model.view import View

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=36,
    slug="needed-paths",
    question="Is redirecting seven files enough, instead of everything below /proc/sys?",
    parent=34,
    change="the view holds seven files and no tree",
    refuted_by="k3s ends for want of another file below /proc/sys",
    view=View(
        files=(*parts.KUBELET_SYSCTLS, parts.ROUTE_LOCALNET),
        holds_back=parts.PROC_SYS.holds_back,
    ),
    assertions=tuple(
        Redirected(id="interceptor-net", claim="route_localnet is redirected", prefix=parts.ROUTE_LOCALNET.path)
        if claim.id == "interceptor-net"
        else claim
        for claim in parent.EXPERIMENT.assertions
    ),
)
