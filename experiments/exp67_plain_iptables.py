"""Experiment 67: do services work when kube-proxy's rules are put in words that gVisor knows?

Parent: 66. The one change: what kube-proxy calls as iptables is ``experiments/files/iptables-plain.sh``, which takes from
each rule the matches that gVisor lacks, and hands the rest to iptables-legacy.

gVisor's DNAT does what services need. What is lost: session affinity, node ports from outside, and a pod that reaches itself
through its own service. Endpoints are chosen by the client's port instead of by chance.

What would refute it: no answer, or kube-proxy's pass still fails.
"""

import attrs

from experiments import exp66_service as parent
from experiments import parts
from runner.model.assertion import Absent
from runner.model.step import Link, Symlink, WriteFile

PLAIN = WriteFile(
    id="iptables-plain",
    path="/usr/local/libexec/iptables-plain",
    content=parts.shipped("iptables-plain.sh"),
    mode=0o755,
    reason="gVisor lacks the matches comment, conntrack, addrtype and statistic, and one of them is in every rule",
)
PROGRAMS = Symlink(
    id="iptables-legacy",
    links=tuple(Link(path=link.path, target=PLAIN.path) for link in parts.IPTABLES_LEGACY.links),
    reason=f"{parts.IPTABLES_LEGACY.reason}; {PLAIN.reason}",
    holds_back=parts.IPTABLES_LEGACY.holds_back,
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=67,
    slug="plain-iptables",
    question="Does a pod reach a service when iptables rules lose the matches that gVisor lacks?",
    parent=66,
    change="a translator stands between kube-proxy and iptables",
    refuted_by="no answer comes, or kube-proxy's pass fails",
    steps=(*parts.without(parent.EXPERIMENT.steps, "iptables-legacy"), PLAIN, PROGRAMS),
    assertions=(
        *(claim for claim in parent.EXPERIMENT.assertions if claim.id != "why"),
        Absent(
            id="sync",
            claim="kube-proxy: Sync failed",
            blockers=("kube-proxy-sync-failed", "iptables-match-unsupported"),
            by=("iptables-plain", "iptables-legacy"),
            workloads=parts.RUNS_PODS,
        ),
    ),
    expected=(
        attrs.evolve(parent.EXPERIMENT.expected[0], verdict="pass", fails=()),
        parent.EXPERIMENT.expected[1],
    ),
)
