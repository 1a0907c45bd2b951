"""What one cluster is made of: names, addresses and directories, from the command line.

The flags are spelled as k3s spells them where k3s has them, so that an experiment's flags mean the same for both.
"""

import argparse
from pathlib import Path
from typing import Literal, get_args

import attrs

Datastore = Literal["kine", "etcd"]

API_PORT = 6443
SERVICE_CIDR = "10.43.0.0/16"
FIRST_SERVICE = "10.43.0.1"
CLUSTER_DNS = "10.43.0.10"
CLUSTER_CIDR = "10.42.0.0/16"
CLUSTER_DOMAIN = "cluster.local"


@attrs.frozen(kw_only=True)
class Settings:
    """One cluster of one node.

    Attributes:
        programs: Directory of the Kubernetes binaries.
        datastore_program: The datastore's binary.
        node: The node's name.
        address: IPv4 address under which the node is known.
        datastore: kine is SQLite behind etcd's interface, as k3s has it.
        snapshotter: containerd's.
        kubelet_args: More flags of the kubelet, after ours: of two the later one holds.
        kube_proxy_args: More flags of kube-proxy.
        configuration: Directory of certificates and kubeconfigs, as kubeadm lays it out.
        datastore_directory: Where the datastore keeps its files: on the root filesystem, whatever that is.
        run: Directory of sockets.
        agent: Whether there is a node: containerd, the kubelet and kube-proxy.
        images: Archives in it are imported when containerd answers: the directory that k3s imports from.
    """

    programs: Path
    datastore_program: Path
    node: str
    address: str
    datastore: Datastore = "kine"
    snapshotter: str = "overlayfs"
    kubelet_args: tuple[str, ...] = ()
    kube_proxy_args: tuple[str, ...] = ()
    configuration: Path = Path("/etc/kubernetes")
    datastore_directory: Path = Path("/var/lib/kubernetes-datastore")
    run: Path = Path("/run/kubernetes")
    agent: bool = True
    images: Path = Path("/var/lib/rancher/k3s/agent/images")

    @property
    def pki(self) -> Path:
        """Directory of keys and certificates."""
        return self.configuration / "pki"

    @property
    def kine_socket(self) -> Path:
        """Where kine listens."""
        return self.run / "kine.sock"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return Path("/run/containerd/containerd.sock")

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of a component, or ``admin``."""
        return self.configuration / f"{name}.conf"


def parse(argv: list[str], *, node: str, address: str) -> Settings:
    """Settings from a command line; argparse ends the process, with the reason, when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="runner.cluster", description="Run the upstream Kubernetes components of one node.", allow_abbrev=False
    )
    parser.add_argument("--programs", type=Path, required=True, help="directory of the binaries")
    parser.add_argument("--datastore-program", type=Path, required=True, help="the datastore's binary")
    parser.add_argument("--datastore", choices=get_args(Datastore), default="kine", help="default: %(default)s")
    parser.add_argument("--snapshotter", default="overlayfs", help="containerd's; default: %(default)s, as k3s's")
    parser.add_argument("--kubelet-arg", action="append", default=[], metavar="FLAG", help="a flag of the kubelet")
    parser.add_argument("--kube-proxy-arg", action="append", default=[], metavar="FLAG", help="a flag of kube-proxy")
    parser.add_argument("--node-ip", default=address, help="IPv4 address of the node; default: %(default)s")
    parser.add_argument("--disable-agent", action="store_true", help="only the control plane, as k3s's flag means it")
    given = parser.parse_args(argv)
    return Settings(
        programs=given.programs,
        datastore_program=given.datastore_program,
        node=node,
        address=given.node_ip,
        agent=not given.disable_agent,
        datastore=given.datastore,
        snapshotter=given.snapshotter,
        kubelet_args=tuple(_dashed(flag) for flag in given.kubelet_arg),
        kube_proxy_args=tuple(_dashed(flag) for flag in given.kube_proxy_arg),
    )


def _dashed(flag: str) -> str:
    """k3s takes a component's flag with and without its dashes."""
    return flag if flag.startswith("-") else f"--{flag}"
