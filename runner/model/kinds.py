"""The closed sets of names that declarations, events and results share."""

from typing import Final, Literal, get_args

Mechanism = Literal["mount", "seccomp", "syscall", "none"]
WorkloadKind = Literal["k3s", "kubernetes", "standin", "replay"]
ArenaKind = Literal["gvisor", "here", "host"]
Verdict = Literal["pass", "fail", "inconclusive", "error", "skipped"]
EVERY_WORKLOAD: Final[tuple[WorkloadKind, ...]] = get_args(WorkloadKind)
EndReason = Literal["target-reached", "fatal-blocker", "exited", "deadline", "interrupted", "harness-error"]

Milestone = Literal[
    "workload-started",
    "datastore-ready",
    "apiserver-serving",
    "poststart-hooks-done",
    "node-registered",
    "kube-proxy-synced",
    "node-ready",
    "pod-running",
]
