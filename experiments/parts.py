"""Steps, flags and views that several experiments share; data only."""

import json
from importlib.resources import files
from typing import Final

from runner.model.experiment import Goal
from runner.model.kinds import WorkloadKind
from runner.model.step import (
    AnyStep,
    BindMount,
    CgroupMount,
    CniPlugin,
    Environment,
    ImagePreload,
    Link,
    Manifest,
    MountPropagation,
    Symlink,
    WorkloadFlag,
    WriteFile,
)
from runner.model.view import View, ViewFile, ViewTree

# What only k3s, and what stands in for it, knows or looks for.
K3S_ALONE: Final[tuple[WorkloadKind, ...]] = ("k3s", "standin", "replay")
# What the stand-in does not print or do.
K3S_REAL: Final[tuple[WorkloadKind, ...]] = ("k3s", "replay")
# What runs pods.
RUNS_PODS: Final[tuple[WorkloadKind, ...]] = ("k3s", "kubernetes", "replay")

CGROUP_V1 = CgroupMount(
    id="cgroup-v1",
    controllers=("cpu", "cpuacct", "cpuset", "devices", "job", "memory", "pids"),
    reason="k3s looks for cgroup mounts first; the original's sandbox had these seven on a tmpfs, runsc do has none",
    holds_back=("cgroup-mountpoint-missing",),
)

KMSG = BindMount(
    id="kmsg",
    source="/dev/null",
    target="/dev/kmsg",
    reason="the kubelet's OOM watcher opens /dev/kmsg, which gVisor does not have",
    holds_back=("dev-kmsg-missing",),
)

RSHARED = MountPropagation(
    id="rshared",
    reason="volumes with mount propagation want a shared root; the original ran this in a namespace that died at once",
)

DISABLE_AGENT = WorkloadFlag(
    id="disable-agent",
    flags=("--disable-agent",),
    reason="only the control plane runs: no kubelet, kube-proxy or container runtime",
)

CNI_PLUGINS_ON_PATH = Environment(
    id="cni-path",
    name="PATH",
    value="/usr/lib/cni",
    prepend=True,
    reason="k3s looks host-local up on PATH; a lone k3s binary brings none, the distribution's package does",
    holds_back=("host-local-not-found",),
    workloads=K3S_ALONE,
)

HOST_LOCAL_STUB = CniPlugin(
    id="cni-stub",
    path="/opt/cni/bin/host-local",
    script="""#!/bin/sh
echo '{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.244.0.1/24"}]}'
""",
    reason="k3s looks host-local up on PATH before it starts the agent; it only asks whether the file is there",
    holds_back=("host-local-not-found",),
    workloads=K3S_ALONE,
)

IPTABLES_LEGACY = Symlink(
    id="iptables-legacy",
    links=tuple(
        Link(path=f"/usr/sbin/{family}{verb}", target=f"/usr/sbin/{family}-legacy{verb}")
        for family in ("iptables", "ip6tables")
        for verb in ("", "-save", "-restore")
    ),
    reason="the nft flavour talks to a netlink family that gVisor lacks; the legacy one uses socket options it has",
    holds_back=("iptables-nft-unsupported",),
)

SNAPSHOTTER_NATIVE = WorkloadFlag(
    id="snapshotter-native",
    flags=("--snapshotter=native",),
    reason="containerd's overlayfs snapshotter cannot stack on a 9p root",
)

FAIL_SWAP_OFF = WorkloadFlag(
    id="fail-swap-on",
    flags=("--kubelet-arg=--fail-swap-on=false",),
    reason="the kubelet refuses to start where it sees swap; the sandbox shows the machine's",
)

NO_QOS_CGROUPS = WorkloadFlag(
    id="no-qos-cgroups",
    flags=("--kubelet-arg=--cgroups-per-qos=false", "--kubelet-arg=--enforce-node-allocatable="),
    reason="the original kept the kubelet from making cgroups; on gVisor of 2026 nothing breaks without the pair",
)

NO_ROOTFS_ISOLATION = WorkloadFlag(
    id="no-storage-isolation",
    flags=("--kubelet-arg=--local-storage-capacity-isolation=false",),
    reason="keeps the kubelet from asking cAdvisor for the root filesystem's size, which it never gets: cAdvisor drops all"
    " data of the root cgroup because cpuacct.usage_percpu is missing",
    holds_back=("cadvisor-root-stats-missing",),
)

KERNEL_DEFAULTS = WorkloadFlag(
    id="protect-kernel-defaults",
    flags=("--kubelet-arg=--protect-kernel-defaults=false",),
    reason="lets the kubelet write sysctls that differ from what it wants instead of refusing to start",
)

IMAGE_GC = WorkloadFlag(
    id="image-gc",
    flags=("--kubelet-arg=--image-gc-high-threshold=100", "--kubelet-arg=--image-gc-low-threshold=99"),
    reason="image garbage collection needs the image filesystem's usage, which is not to be had on 9p; 100 turns it off",
)

FLANNEL_NONE = WorkloadFlag(
    id="flannel-none",
    flags=("--flannel-backend=none",),
    reason="flannel wants a vxlan device, which gVisor does not have, and takes k3s with it",
    holds_back=("flannel-vxlan-unsupported",),
    workloads=K3S_ALONE,
)

CNI_LOOPBACK = Symlink(
    id="cni-loopback",
    links=(Link(path="/opt/cni/bin/loopback", target="/usr/lib/cni/loopback"),),
    reason="containerd runs the loopback plugin for every pod, from /opt/cni/bin",
)

BUSYBOX = ImagePreload(
    id="busybox-image",
    name="docker.io/local/busybox:1",
    command=("sleep", "2147483647"),
    reason="what the experiment's pods run; no registry can be reached",
    workloads=RUNS_PODS,
)

PAUSE = ImagePreload(
    id="pause-image",
    name="docker.io/rancher/mirrored-pause:3.6",
    command=("sleep", "2147483647"),
    reason="containerd starts one in every pod to hold its namespaces; k3s names this one, and cannot pull it",
    workloads=RUNS_PODS,
)

STANDIN_NODE_READY = Goal(
    workloads=("standin",),
    target="node-ready",
    hold_s=1,
    reason="the stand-in runs no pods: a ready node is its last rung",
)

DISABLE_ADDONS = WorkloadFlag(
    id="disable-addons",
    flags=("--disable=coredns,servicelb,traefik,local-storage,metrics-server",),
    workloads=K3S_ALONE,
    reason="no packaged add-on is part of the question, and none could pull its image",
)

KUBECONFIG_MODE = WorkloadFlag(
    id="kubeconfig-mode",
    flags=("--write-kubeconfig-mode=644",),
    workloads=K3S_ALONE,
    reason="as the original: the kubeconfig can be read by anyone in the sandbox",
)

# U2 in the research: what setupKernelTunables wants. It reads first and writes only on a difference; a failed read is fatal.
_KUBELET_WANTS = {
    "vm/overcommit_memory": ("1", "kubelet wants 1; gVisor shows 0 and answers a write with EIO"),
    "vm/panic_on_oom": (
        "0",
        "kubelet wants 0; gVisor has no such file (the original's script wrote 1, which the kubelet then changed)",
    ),
    "kernel/panic": ("10", "kubelet wants 10; gVisor has no such file"),
    "kernel/panic_on_oops": ("1", "kubelet wants 1; gVisor has no such file"),
    "kernel/keys/root_maxkeys": ("1000000", "kubelet wants 1000000; gVisor has no such file"),
    "kernel/keys/root_maxbytes": ("25000000", "kubelet wants 25000000; gVisor has no such file"),
}
_KUBE_PROXY_WANTS = {
    "net/ipv4/conf/all/route_localnet": ("1", "kube-proxy sets 1 for node ports on localhost and exits if it cannot"),
}
# In the original's script, but with no reader that cares today: see the experiment's docstring. Those below net/ belong to
# its part all the same: where a directory exists, kube-proxy's write makes the file that it misses.
_KERNEL_WITHOUT_A_READER = {
    "kernel/pid_max": ("65536", "original's script; gVisor has had its own since 2024-11"),
}
_NET_WITHOUT_A_READER = {
    "net/ipv4/ip_forward": ("1", "original's script; gVisor has its own, writable since 2026"),
    "net/ipv4/conf/all/rp_filter": ("0", "original's script; no reader was seen"),
    "net/ipv4/conf/default/rp_filter": ("0", "original's script; no reader was seen"),
    "net/ipv6/conf/all/forwarding": ("0", "original's script; k3s sets it where IPv6 is on"),
    "net/bridge/bridge-nf-call-iptables": ("1", "original's script; k3s checks it and goes on without it"),
}
# Not in the original's script although its report shows the redirects: they ended in ENOENT.
_K3S_SETS = {
    "net/ipv4/conf/all/forwarding": ("1", "k3s sets 1 at start; without the file it logs an error and goes on"),
    "net/ipv4/conf/default/forwarding": ("1", "k3s sets 1 at start; without the file it logs an error and goes on"),
}


def _files(table: dict[str, tuple[str, str]], part: str) -> tuple[ViewFile, ...]:
    return tuple(
        ViewFile(path=f"/proc/sys/{name}", content=f"{value}\n", reason=reason, part=part)
        for name, (value, reason) in table.items()
    )


def without(steps: tuple[AnyStep, ...], *ids: str) -> tuple[AnyStep, ...]:
    """A parent's steps without some of them; each must be there."""
    missing = set(ids) - {step.id for step in steps}
    if missing:
        raise ValueError(f"the parent has no step {', '.join(sorted(missing))}")
    return tuple(step for step in steps if step.id not in ids)


def cni_plugins(*names: str) -> Symlink:
    """Some of the distribution's CNI plugins, where containerd looks for them."""
    return Symlink(
        id="cni-plugins",
        links=tuple(Link(path=f"/opt/cni/bin/{name}", target=f"/usr/lib/cni/{name}") for name in names),
        reason="containerd runs the loopback plugin for every pod, and those that the configuration names, from /opt/cni/bin",
        workloads=RUNS_PODS,
    )


def pods(*objects: dict[str, object]) -> Manifest:
    """Objects that are created through the API once the node is registered."""
    return Manifest(
        id="pods",
        objects=tuple(json.dumps({"apiVersion": "v1", **item}) for item in objects),
        reason="what the assertions ask",
        workloads=RUNS_PODS,
    )


def pod(name: str, script: str, **spec: object) -> dict[str, object]:
    """A pod of one busybox container.

    Args:
        name: Of the pod; also the value of its label ``app``.
        script: What its shell runs; the container ends with it.
        spec: More fields of its specification.
    """
    container = {
        "name": name,
        "image": BUSYBOX.name,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    }
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


def get(address: str) -> str:
    """A shell's words that fetch a page. Not wget: Debian's static one crashes, on Linux as well."""
    return f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} 80"


def shipped(name: str) -> str:
    """The text of a program that is shipped with the experiments."""
    return files("experiments").joinpath("files", name).read_text(encoding="utf-8")


def cni_conflist(*plugins: dict[str, object]) -> WriteFile:
    """A CNI configuration with these plugins, where containerd looks for it."""
    document = {"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}
    return WriteFile(
        id="cni-conflist",
        path="/etc/cni/net.d/10-pods.conflist",
        content=json.dumps(document, indent=2) + "\n",
        reason="without flannel nobody writes a CNI configuration, and without one the node stays NotReady",
    )


KUBELET_SYSCTLS = _files(_KUBELET_WANTS, "sysctl-kubelet")

PROC_SYS = View(
    trees=(ViewTree(prefix="/proc/sys", part="sysctl-tree"),),
    files=(
        *KUBELET_SYSCTLS,
        *_files(_KUBE_PROXY_WANTS | _K3S_SETS | _NET_WITHOUT_A_READER, "sysctl-net"),
        *_files(_KERNEL_WITHOUT_A_READER, "sysctl-extra"),
    ),
    holds_back={
        "sysctl-kubelet": ("kubelet-sysctl-missing", "overcommit-memory-eio"),
        "sysctl-net": ("route-localnet-missing",),
    },
    # In runs where every call was looked at, all redirects came of openat, while more than half of the stops were for others.
    calls="opening",
)

ROUTE_LOCALNET = next(file for file in PROC_SYS.files if file.path.endswith("/route_localnet"))

DISKSTATS = ViewFile(
    path="/proc/diskstats",
    content="".join(
        f"{numbers} {name} 0 0 0 0 0 0 0 0 0 0 0\n"
        for numbers, name in (("8 0", "sda"), ("8 1", "sda1"), ("253 0", "dm-0"))
    ),
    reason="cAdvisor reads it for I/O numbers; gVisor has no such file. The original redirected it to a file it never made",
    part="diskstats",
)

CPUACCT_PERCPU_INTO_NOTHING = ViewFile(
    path="/sys/fs/cgroup/cpuacct/cpuacct.usage_percpu",
    content=None,
    reason="cAdvisor's root cgroup statistics fail for want of it. The original redirected it to a file it never made, so"
    " nothing came of it",
    part="cpuacct-percpu",
)

CPUACCT_PERCPU = ViewFile(
    path="/sys/fs/cgroup/cpuacct/cpuacct.usage_percpu",
    content="0\n",
    reason="cAdvisor's root cgroup statistics fail for want of it; with a file in place, whatever it says, they are there",
    part="cpuacct-percpu",
)
