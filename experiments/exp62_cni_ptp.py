"""Experiment 62: does the CNI project's ptp plugin give a pod a network of its own?

Parent: 61. The one change: ptp instead of bridge: a veth pair and routes, no bridge, so no hairpin flag.

It does not. Its routes name a source address (RTA_PREFSRC), and gVisor refuses a route with an attribute that it does not
know. ``ip route add ... src ...`` is refused in the same way; without ``src`` the same route is taken, link scope or not.

What would refute it: the pod runs.
"""

import attrs

from experiments import exp61_cni_bridge as parent
from experiments import parts

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=62,
    slug="cni-ptp",
    question="Does a pod get a network of its own from the ptp plugin?",
    parent=61,
    change="the CNI project's ptp plugin instead of bridge",
    refuted_by="the pod runs",
    steps=(
        *parts.without(parent.EXPERIMENT.steps, "cni-plugins", "cni-conflist", "pods"),
        parts.cni_plugins("loopback", "ptp", "host-local"),
        parts.cni_conflist({"type": "ptp", "ipam": parent.ADDRESSES}),
        parts.pods(parent.HELLO),
    ),
    expected=(
        attrs.evolve(parent.EXPERIMENT.expected[0], blockers=("cni-ptp-route-unsupported",)),
        parent.EXPERIMENT.expected[1],
    ),
)
