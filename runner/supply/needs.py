"""Which commands an arena needs, the Debian package that has each, and what it is for; what a machine lacks of them.

The table is the whole knowledge; the functions only look things up. Whether a command is there is the caller's to
find out, and how a package is brought in is ``runner.supply.layer``'s.
"""

from collections.abc import Collection

import attrs


@attrs.frozen(kw_only=True)
class Need:
    """A command that the arena needs.

    Attributes:
        command: Its name, on PATH or among the CNI plugins.
        package: The Debian package that has it.
        what_for: Who runs it, and why.
    """

    command: str
    package: str
    what_for: str


def _need(command: str, package: str, what_for: str) -> Need:
    return Need(command=command, package=package, what_for=what_for)


NEEDS: tuple[Need, ...] = (
    _need("iptables-legacy", "iptables", "kube-proxy's rules: the flavour that works in gVisor"),
    _need("iptables-nft", "iptables", "the flavour most machines default to: a blocker of its own"),
    _need("ip", "iproute2", "setting up interfaces; k3s and flannel call it"),
    _need("conntrack", "conntrack", "kube-proxy clears connections with it"),
    _need("ethtool", "ethtool", "kubelet and CNI plugins look for it"),
    _need("socat", "socat", "kubectl port-forward"),
    _need("ipset", "ipset", "k3s's network policy controller"),
    _need("modprobe", "kmod", "k3s and iptables call it; without it, other errors than on a real node"),
    _need("host-local", "containernetworking-plugins", "k3s will not start without this CNI plugin on PATH"),
    _need("bridge", "containernetworking-plugins", "pod networks"),
    _need("ptp", "containernetworking-plugins", "pod networks"),
    _need("loopback", "containernetworking-plugins", "pod networks"),
    _need("portmap", "containernetworking-plugins", "pod networks"),
    _need("runc", "runc", "containerd starts containers with it"),
    _need("mount", "mount", "kubelet mounts volumes with it"),
    _need("nsenter", "util-linux", "kubelet enters pods' namespaces with it"),
)

CONTAINERD: tuple[Need, ...] = (
    _need("containerd", "containerd", "the upstream kubelet's container runtime; k3s brings its own"),
    _need("containerd-shim-runc-v2", "containerd", "containerd starts runc through it"),
    _need("ctr", "containerd", "containerd imports preloaded images with it"),
)
"""Wanted by the workload ``kubernetes`` alone."""

SHIM: tuple[Need, ...] = (CONTAINERD[1],)
"""Wanted by the workload ``k3s``: a release brings its own, and finds it first; a lone binary has none."""

IMAGES: tuple[Need, ...] = (_need("busybox", "busybox-static", "container images are built of it"),)
"""Wanted by the workloads that run pods."""

CNI_ONLY = frozenset(need.command for need in NEEDS if need.package == "containernetworking-plugins")
"""Commands looked for in the CNI directory alone: iproute2 has a ``bridge`` too, and it is another program."""


def missing(present: Collection[str], more: tuple[Need, ...] = ()) -> tuple[Need, ...]:
    """The needs that a machine with these commands does not meet, in the table's order, and those of ``more``."""
    return tuple(need for need in (*NEEDS, *more) if need.command not in present)


def packages_for(needs: Collection[Need]) -> tuple[str, ...]:
    """The packages that meet some needs, sorted, each once."""
    return tuple(sorted({need.package for need in needs}))


def explain(needs: Collection[Need]) -> str:
    """One indented line per missing command, for a message."""
    return "\n".join(f"  {need.command} ({need.what_for})" for need in needs)


def advice(packages: Collection[str]) -> str:
    """How the user can get what is missing."""
    return (
        f"apt-get install --no-install-recommends {' '.join(packages)}\n"
        "(elsewhere than on Debian and its kin, the packages that have these commands)"
    )
