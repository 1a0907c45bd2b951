"""Experiment 13: does redirecting all of /proc/sys remove what stops a k3s worker in gVisor?

Parent: the original's 12, whose bind mounts had no targets. The one change: an interceptor redirects every path under
``/proc/sys/``, whatever it is, instead of a list of paths.

What would refute it: one of the report's six blockers appears, or one is gone without a trace of the workaround at work.

How many fake files? The original's report says 16, its own list sums to 12, its script creates 13. Declared here are the
13 of the script plus the two ``forwarding`` files that the report's own evidence shows being redirected into nothing. Needed
are seven: the kubelet's six (part ``sysctl-kubelet``) and kube-proxy's ``route_localnet`` (in ``sysctl-net``). Of the two
targets outside /proc/sys that its interceptor redirected to files it never made, ``/proc/diskstats`` exists here, and
``cpuacct.usage_percpu`` still leads into nothing: with the file in place cAdvisor works and the storage flag holds back
nothing any more (seen on real k3s), which is another experiment.

Two things differ from the script: ``vm/panic_on_oom`` is 0, what the kubelet wants, and a read that the view does not
answer falls through to gVisor's own file, where the original's blanket rule hid it.

The original died about 20 s after its start in the PostStartHook. That is not seen today; flannel's vxlan device is.
"""

import attrs

from experiments import parts
from runner.model.assertion import Absent, Metric, Present, Redirected
from runner.model.experiment import Expected, Experiment, Goal

EXPERIMENT = Experiment(
    number=13,
    slug="redirect-proc-sys",
    question="Does redirecting all of /proc/sys, with a CNI stub and kubelet flags, overcome the six blockers of a k3s worker?",
    parent=None,
    change="an interceptor redirects every path under /proc/sys instead of a list of paths",
    refuted_by="one of the six blockers appears, or is absent without its workaround showing a hit",
    steps=(
        parts.CGROUP_V1,
        parts.RSHARED,
        parts.KMSG,
        parts.HOST_LOCAL_STUB,
        parts.IPTABLES_LEGACY,
        parts.SNAPSHOTTER_NATIVE,
        parts.FAIL_SWAP_OFF,
        parts.NO_QOS_CGROUPS,
        parts.NO_ROOTFS_ISOLATION,
        parts.KERNEL_DEFAULTS,
        parts.IMAGE_GC,
        parts.DISABLE_ADDONS,
        parts.KUBECONFIG_MODE,
    ),
    view=attrs.evolve(
        parts.PROC_SYS, files=(*parts.PROC_SYS.files, parts.DISKSTATS, parts.CPUACCT_PERCPU_INTO_NOTHING)
    ),
    mechanism="seccomp",
    assertions=(
        Absent(
            id="cadvisor",
            claim="cAdvisor: unable to find data in memory cache",
            blockers=("cadvisor-root-stats-missing",),
            by=("no-storage-isolation",),
        ),
        Absent(
            id="proc-sys-files",
            claim="kubelet: /proc/sys files missing or not writable",
            blockers=("kubelet-sysctl-missing", "overcommit-memory-eio"),
            by=("sysctl-kubelet",),
        ),
        Absent(
            id="cni-plugin",
            claim="k3s agent: host-local not found",
            blockers=("host-local-not-found",),
            by=("cni-stub",),
            workloads=parts.K3S_ALONE,
        ),
        Absent(
            id="dev-kmsg",
            claim="kubelet: /dev/kmsg missing",
            blockers=("dev-kmsg-missing",),
            by=("kmsg",),
        ),
        Absent(
            id="iptables",
            claim="kube-proxy: iptables is not available on this host",
            blockers=("iptables-nft-unsupported",),
            by=("iptables-legacy",),
        ),
        Absent(
            id="route-localnet",
            claim="kube-proxy: can't set sysctl route_localnet",
            blockers=("route-localnet-missing",),
            by=("sysctl-net",),
        ),
        Redirected(
            id="interceptor-net", claim="the interceptor is seen working for net/ipv4", prefix="/proc/sys/net/ipv4"
        ),
        Present(id="kube-apiserver", claim="kube-apiserver started", pattern=r"Running kube-apiserver "),
        Present(
            id="kine",
            claim="kine (or etcd, where that was chosen) started",
            pattern=r"Kine available at |ready to serve client requests",
        ),
        Present(id="kube-proxy", claim="kube-proxy started", pattern=r"Running kube-proxy "),
        Metric(id="api-requests", claim="API requests are handled", metric="api_requests", at_least=1),
        Metric(
            id="run-time",
            claim="the run ends within a minute (the original's about 20 s)",
            metric="workload_s",
            at_most=60,
        ),
    ),
    target="node-ready",
    # The node becomes Ready for some seconds before flannel gives up: a worker is what stays.
    hold_s=30,
    other_goals=(
        Goal(
            workloads=("kubernetes",),
            target="node-registered",
            hold_s=20,
            reason="flannel is k3s's: without it nobody writes a CNI configuration, and the node stays NotReady",
        ),
    ),
    deadline_s=90,
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("flannel-vxlan-unsupported",),
            reaches="kube-proxy-synced",
        ),
        Expected(
            workloads=("kubernetes",),
            verdict="pass",
            ended_by="target-reached",
            reaches="kube-proxy-synced",
        ),
    ),
)
