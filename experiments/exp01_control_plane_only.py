"""Experiment 1: does k3s without its agent run in gVisor as it comes?

Parent: none; a baseline. The one change: ``--disable-agent``, nothing else.

The original's report says that it ran for hours; its experiment 5 says that the same command hangs. Both are true of
different binaries: a release brings host-local with it, a lone ``bin/k3s`` (what the original series had, and what this
runner finds) does not, and k3s looks it up even when no agent is wanted. Differences from the original: none in the
command; the cgroup mounts belong to the sandbox that it ran in.

What would refute it: the API server serves without any CNI plugin on PATH.
"""

from experiments import parts
from runner.model.experiment import Expected, Experiment, Goal

EXPERIMENT = Experiment(
    number=1,
    slug="control-plane-only",
    question="Does k3s server --disable-agent, with no workaround at all, bring up a control plane?",
    change="the agent is disabled",
    refuted_by="the API server serves although host-local is not on PATH",
    steps=(parts.CGROUP_V1, parts.DISABLE_AGENT),
    target="poststart-hooks-done",
    hold_s=15,
    other_goals=(
        Goal(
            workloads=("standin", "kubernetes"),
            target="poststart-hooks-done",
            hold_s=2,
            reason="no agent means no look-up of host-local there, so the API serves, and nothing more is asked",
        ),
    ),
    deadline_s=60,
    expected=(
        Expected(
            verdict="fail", ended_by="fatal-blocker", blockers=("host-local-not-found",), reaches="datastore-ready"
        ),
        Expected(
            verdict="pass",
            ended_by="target-reached",
            reaches="poststart-hooks-done",
            workloads=("standin", "kubernetes"),
        ),
    ),
)
