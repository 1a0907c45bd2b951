"""flannel with its vxlan backend: wait for the node's pod network, then ask the kernel for the device.

The device is asked for in a network namespace of the asking thread's own, so a kernel that has vxlan (the machine
outside a sandbox) gains no device; it vanishes with the thread.
"""

from pathlib import Path

from runner.standin import go_text, kernel, netlink, network, registry
from runner.standin.kubelet import NODES
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer

CLUSTER_CIDR = "10.42.0.0/16"
SUBNET_FILE = "/run/flannel/subnet.env"
_DEVICE = "flannel.1"
_VNI = 1
_PORT = 8472
_MTU = 1450


class FlannelError(Exception):
    """flannel cannot start; the text is its own."""


class Flannel:
    """One node's flannel; run it in a thread of its own."""

    def __init__(self, node: str, objects: registry.Registry, out: Printer, lifecycle: Lifecycle) -> None:
        self._node = node
        self._objects = objects
        self._out = out
        self._lifecycle = lifecycle

    def run(self) -> None:
        """Start, and hold the device until the shutdown."""
        self._out.info("Starting flannel with backend vxlan")
        try:
            subnet = self._wait_for_pod_cidr()
            if subnet is None:
                return
            self._out.info(f"Flannel found PodCIDR assigned for node {self._node}")
            self._register()
            _write_subnet_file(subnet)
        except (FlannelError, registry.ApiError) as error:
            self._lifecycle.component_exited("flannel", str(error))
            return
        except OSError as error:
            self._out.warning(f"Failed to write flannel subnet file: {go_text.path_error('open', SUBNET_FILE, error)}")
        else:
            self._out.info(f"Wrote flannel subnet file to {SUBNET_FILE}")
        self._out.info("Running flannel backend.")
        self._lifecycle.stopping.wait()

    def _wait_for_pod_cidr(self) -> str | None:
        for node in self._objects.follow(NODES + self._node):
            spec = node.get("spec")
            if isinstance(spec, dict) and spec.get("podCIDR"):
                return str(spec["podCIDR"])
        return None

    def _register(self) -> None:
        try:
            interface = network.default_interface()
            address = network.ipv4_address(interface)
        except network.NoRouteError as error:
            raise FlannelError(f"failed to get default interface: {error}") from error
        self._out.info(f"The interface {interface} with ipv4 address {address} will be used by flannel")
        self._out.klog(
            "I", "vxlan.go:128", f"VXLAN config: VNI={_VNI} Port=0 GBP=false Learning=false DirectRouting=false"
        )
        failed = "failed to register flannel network: failed to create vxlan device"
        try:
            kernel.unshare(kernel.CLONE_NEWNET)
        except OSError as error:
            if not kernel.in_gvisor():  # in a sandbox there is nothing outside to protect
                raise FlannelError(f"{failed}: {go_text.errno_text(error.errno or 0)}") from error
        try:
            netlink.create_vxlan(_DEVICE, vni=_VNI, port=_PORT, mtu=_MTU)
        except OSError as error:
            raise FlannelError(f"{failed}: {go_text.errno_text(error.errno or 0)}") from error


def _write_subnet_file(subnet: str) -> None:
    """Tell the flannel CNI plugin what it needs to know, under a temporary name first."""
    base, _, length = subnet.partition("/")
    first = base.rpartition(".")[0] + f".1/{length}"
    target = Path(SUBNET_FILE)
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}")
    temporary.write_text(
        f"FLANNEL_NETWORK={CLUSTER_CIDR}\nFLANNEL_SUBNET={first}\nFLANNEL_MTU={_MTU}\nFLANNEL_IPMASQ=true\n",
        encoding="ascii",
    )
    temporary.replace(target)
