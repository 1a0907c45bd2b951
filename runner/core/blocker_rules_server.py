"""Rows: k3s itself, the API server and its datastore. See ``blocker_rules``."""

from typing import Final

from runner.core.blocker_rule import ORIGINAL, UPSTREAM_RUNS, BlockerRule

_GVISOR = "https://github.com/google/gvisor"
_K3S = "https://github.com/k3s-io/k3s"
_KUBERNETES = "https://github.com/kubernetes/kubernetes"

SERVER_RULES: Final = (
    BlockerRule(
        id="cgroup-mountpoint-missing",
        component="k3s agent, kubelet",
        fatal=True,
        severity="critical",
        lies_before="node-registered",
        keys=("mountpoint", "mounts"),
        pattern=r"cgroups: cgroup mountpoint does not exist|failed to find cgroup mounts\b",
        symptom="k3s ends within a second of its start, after it made its certificates; the upstream kubelet ends a "
        "second after its own.",
        cause="Nothing of type cgroup is mounted. `runsc do` mounts no cgroup file systems, and its --cgroupfs flag "
        "no longer does anything.",
        workaround="Mount a tmpfs on /sys/fs/cgroup and the cgroup v1 hierarchies cpu, cpuacct, cpuset, devices, job, "
        "memory and pids on it.",
        advice="mount the cgroup v1 hierarchies below /sys/fs/cgroup",
        links=(f"{_GVISOR}/issues/13007",),
        seen_in=("bare", UPSTREAM_RUNS),
    ),
    BlockerRule(
        id="host-local-not-found",
        component="k3s agent",
        fatal=True,  # k3s repeats the look-up every 5 to 10 s without end; nothing else of the agent starts meanwhile
        severity="critical",
        lies_before="apiserver-serving",
        keys=("find", "executable"),
        # Not "Waiting to retrieve agent configuration; server is not ready" alone: agents say so while their server
        # starts.
        pattern=r'failed to find host-local\b|"host-local\\?": executable file not found',
        symptom="k3s waits for ever: 'Waiting to retrieve agent configuration; server is not ready'. The API server "
        "never starts.",
        cause="Unless flannel is off, k3s looks for an executable host-local on PATH before anything else of the "
        "agent. It does not run it. "
        "A release binary unpacks its own; a lone binary has none. k3s never gives up, so this counts as fatal though "
        "the process lives.",
        workaround="Put an executable named host-local on PATH: the CNI project's plugin, or a stub where no pod "
        "needs an address. "
        "--flannel-backend=none skips the check.",
        advice="put an executable host-local on PATH, or use --flannel-backend=none",
        seen_in=("no-cni",),
    ),
    BlockerRule(
        id="poststarthook-priority-classes",
        component="kube-apiserver",
        fatal=True,
        severity="critical",
        lies_before="poststart-hooks-done",
        keys=("PostStartHook",),
        pattern=r'\bPostStartHook \\?"scheduling/bootstrap-system-priority-classes\\?" failed: ',
        symptom="An F line of hooks.go, a Go panic and the end of k3s, usually 10 s or more after the API server "
        "began to serve.",
        cause="The hook takes one error for final while it creates a system priority class. Three are known, each "
        "reproduced by slow storage alone, with nothing intercepted: 'forbidden: not yet ready to handle request' "
        "(the caches of the admission plugins were not filled within 10 s of the first create; experiment 50), "
        "'database is locked' (a writer waited 30 s for the others; experiment 40), and 'Timeout: request did not "
        "complete' (34 s). The tracer alone does not cause it.",
        workaround="Take the slow disk away from under the datastore: docs/poststarthook.md has what helps, and by how "
        "much.",
        advice="put the datastore on fast storage",
        links=(f"{_K3S}/issues/2425", f"{_K3S}/issues/5406", f"{_KUBERNETES}/issues/123089"),
        seen_in=("slow-disk", ORIGINAL),
    ),
    BlockerRule(
        id="poststarthook-failed",
        component="kube-apiserver",
        fatal=True,
        severity="critical",
        lies_before="poststart-hooks-done",
        keys=("PostStartHook",),
        pattern=r'\bPostStartHook \\?"(?!scheduling/bootstrap-system-priority-classes\\?")[^"]+" failed: ',
        symptom="As poststarthook-priority-classes, with another hook's name.",
        cause="Any hook that returns an error ends the API server (klog.Fatalf). The reason stands behind 'failed:'.",
        workaround="Depends on the hook; slow storage and processor starvation are the usual reasons.",
        advice="read the reason behind 'failed:'; try faster storage first",
    ),
    BlockerRule(
        id="admission-not-ready",
        component="kube-apiserver",
        fatal=False,
        severity="major",
        lies_before="poststart-hooks-done",
        keys=("handle",),
        pattern=r"forbidden: not yet ready to handle request",
        symptom="Requests are answered with 403 while the API server starts. Whoever does not try again fails of it: "
        "the priority-class hook, flannel.",
        cause="An admission plugin waits at most 10 s for its caches, then refuses every create. A cache is filled by a "
        "list, and a list by reads of the datastore: reads that take 6 s each are enough.",
        workaround="Whatever makes the start faster: storage, processors, less interception.",
        advice="make the API server's start faster (storage, processors)",
        links=(f"{_K3S}/issues/5406", f"{_K3S}/issues/2989", f"{_KUBERNETES}/issues/123089"),
        seen_in=(ORIGINAL,),
    ),
    BlockerRule(
        id="database-locked",
        component="kine",
        fatal=False,
        severity="major",
        lies_before="poststart-hooks-done",
        keys=("locked",),
        pattern=r"\bdatabase is locked\b",
        symptom="Writes to the API fail after half a minute; the PostStartHook failure may follow.",
        cause="SQLite waits 30 s for another writer and gives up. Writers queue up when the disk is slow.",
        workaround="As poststarthook-priority-classes: faster storage.",
        advice="put the datastore on fast storage",
        links=(f"{_K3S}/issues/2425", f"{_K3S}/issues/8042"),
        seen_in=("slow-disk",),
    ),
    BlockerRule(
        id="kine-slow-sql",
        component="kine",
        fatal=False,
        severity="major",
        lies_before="poststart-hooks-done",
        keys=("SQL",),
        pattern=r'msg="Slow SQL ?\([^)]',
        symptom="'Slow SQL' lines with the time a statement took; information above 1 s, warning above 5 s.",
        cause="The disk under the datastore, or everything, is slow.",
        workaround="Faster storage; an in-memory datastore since kine 0.15.",
        advice="put the datastore on fast storage",
        links=(f"{_K3S}/issues/8042", f"{_K3S}/issues/10495", "https://github.com/k3s-io/kine/issues/97"),
        seen_in=("slow-disk", ORIGINAL),
        of_speed=True,
    ),
)
