"""The kubelet: from opening /dev/kmsg to a ready node.

The order of its demands is Kubernetes' own: kmsg while it is being created, then the shared mount, statistics,
sysctls, and only then the node. It runs no pods and talks to no container runtime.
"""

import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path

from runner.standin import cni, container_manager, go_text, registry, sysctl
from runner.standin.flags import Config
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer

VERSION = "v0.0.0+k3s-standin"
KMSG = "/dev/kmsg"
NODES = "/registry/minions/"
_FALSE = ("false", "0", "f", "False", "FALSE", "F")


class Kubelet:
    """One node's kubelet.

    Args:
        config: The command line; local-storage-capacity-isolation and protect-kernel-defaults matter.
        node: Name of the node.
        address: Its IPv4 address.
        registered: Called once the node object is there.
    """

    def __init__(
        self,
        *,
        config: Config,
        node: str,
        address: str,
        objects: registry.Registry,
        out: Printer,
        lifecycle: Lifecycle,
        registered: Callable[[], None],
    ) -> None:
        self._config = config
        self._node = node
        self._address = address
        self._objects = objects
        self._out = out
        self._lifecycle = lifecycle
        self._registered = registered

    def announce(self) -> None:
        """k3s's line with the kubelet's flags, its own and the user's, by name."""
        own = {
            "cloud-provider": "external",
            "hostname-override": self._node,
            "node-ip": self._address,
            "node-labels": "",
            "read-only-port": "0",
        }
        flags = {**own, **self._config.kubelet_args}
        self._out.info("Running kubelet " + " ".join(f"--{name}={flags[name]}" for name in sorted(flags)))

    def run(self) -> None:
        """Everything up to the ready node; ends the process where the kubelet calls os.Exit."""
        self._out.klogs("I", "server.go:525", "Kubelet version", kubeletVersion=VERSION)
        self._look_around()
        self._out.klogs("I", "kubelet.go:475", "Attempting to sync node with API server")
        try:
            kmsg = os.open(KMSG, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            reason = f"failed to run Kubelet: failed to create kubelet: {go_text.path_error('open', KMSG, error)}"
            self._out.plain(f"Error: {reason}")
            self._lifecycle.component_exited("kubelet", reason)
            return
        self._out.klogs("I", "server.go:1257", "Started kubelet")
        try:
            self._share_root()
        except container_manager.HostError as error:
            self._out.klogs("E", "kubelet.go:1775", "Failed to initialize internal modules", err=str(error))
            self._lifecycle.exit_now(1)
        self._lifecycle.start("oom-watcher", lambda: self._watch_oom(kmsg))
        try:
            self._start_container_manager()
        except container_manager.HostError as error:
            self._out.klogs("E", "kubelet.go:1703", "Failed to start ContainerManager", err=str(error))
            self._lifecycle.exit_now(1)
        try:
            self._register()
            self._become_ready()
        except registry.ApiError as error:
            self._out.klogs(
                "E",
                "kubelet_node_status.go:107",
                "Unable to register node with API server",
                err=str(error),
                node=self._node,
            )

    def _look_around(self) -> None:
        """Files whose absence the kubelet reports and survives."""
        # cAdvisor opens it; a stat would miss what a view shows to programs that open.
        if _unreadable("/proc/diskstats"):
            self._out.klog(
                "W", "fs.go:502", 'Not collecting filesystem statistics because file "/proc/diskstats" was not found'
            )
        if not Path("/sys/class/net").exists():
            self._out.klog(
                "E", "info.go:109", "Failed to get network devices: open /sys/class/net: no such file or directory"
            )
        boot_id = f"{sysctl.ROOT}/kernel/random/boot_id"
        if _unreadable(boot_id):
            self._out.klog(
                "W", "info.go:53", f"Couldn't collect info from any of the files in {go_text.quote(boot_id)}"
            )
        if not Path("/proc/swaps").exists():
            self._out.klogs(
                "I", "swap_util.go:134", "File does not exist, assuming that swap is disabled", path="/proc/swaps"
            )
        reason = _unreadable(f"{sysctl.ROOT}/kernel/osrelease")
        if reason:
            self._out.klogs(
                "E",
                "safe_sysctls.go:91",
                "failed to get kernel version, unable to determine which sysctls are available",
                err=f"failed to read os-release file: {reason}",
            )

    def _share_root(self) -> None:
        """In a thread that ends at once, because the mount lives in that thread's namespace.

        Raises:
            container_manager.HostError: As container_manager.share_kubelet_root.
        """
        failure: list[container_manager.HostError] = []

        def work() -> None:
            try:
                container_manager.share_kubelet_root()
            except container_manager.HostError as error:
                failure.append(error)

        thread = threading.Thread(target=work, name="mount-propagation")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]

    def _watch_oom(self, kmsg: int) -> None:
        """Read the kernel's log from its end; /dev/null in its place ends at once, and the kubelet goes on."""
        try:
            os.lseek(kmsg, 0, os.SEEK_END)
            while os.read(kmsg, 8192):
                pass
        except OSError:
            pass
        finally:
            os.close(kmsg)
        self._out.klog("E", "oomparser.go:149", "exiting analyzeLines. OOM events will not be reported.")

    def _start_container_manager(self) -> None:
        cached = container_manager.root_statistics(self._out)
        if not cached and self._flag("local-storage-capacity-isolation", default=True):
            self._out.klogs(
                "E",
                "container_manager_linux.go:944",
                "Unable to get rootfs data from cAdvisor interface",
                err=container_manager.NO_STATISTICS,
            )
            raise container_manager.HostError(f"failed to get rootfs info: {container_manager.NO_STATISTICS}")
        container_manager.setup_kernel_tunables(protect=self._flag("protect-kernel-defaults", default=False))

    def _register(self) -> None:
        key = NODES + self._node
        self._out.klogs("I", "kubelet_node_status.go:75", "Attempting to register node", node=self._node)
        try:
            self._objects.create(key, "Node", "v1", self._node_object())
        except registry.AlreadyExistsError:
            self._out.klogs("I", "kubelet_node_status.go:124", "Node was previously registered", node=self._node)
        else:
            self._out.klogs("I", "kubelet_node_status.go:78", "Successfully registered node", node=self._node)
        self._registered()

    def _become_ready(self) -> None:
        path = cni.directory(self._config.data_dir, self._config.flannel_backend)
        try:
            cni.wait_until_configured(path)
        except OSError as error:
            reason = f"NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: {error}"
            self._out.klogs("E", "kubelet.go:3011", "Container runtime network not ready", networkReady=reason)
            return
        self._out.klogs("I", "kubelet_node_status.go:439", "Fast updating node status as it just became ready")
        change(self._objects, NODES + self._node, _set_ready)

    def _node_object(self) -> registry.Object:
        machine = platform.uname()
        filesystem = os.statvfs("/")
        return {
            "metadata": {"labels": {"kubernetes.io/hostname": self._node, "kubernetes.io/os": "linux"}},
            "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": self._address},
                    {"type": "Hostname", "address": self._node},
                ],
                "capacity": {
                    "cpu": str(os.cpu_count() or 1),
                    "ephemeral-storage": str(filesystem.f_blocks * filesystem.f_frsize),
                },
                "conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}],
                "nodeInfo": {
                    "kubeletVersion": VERSION,
                    "kernelVersion": machine.release,
                    "operatingSystem": "linux",
                    "architecture": machine.machine,
                },
            },
        }

    def _flag(self, name: str, *, default: bool) -> bool:
        value = self._config.kubelet_args.get(name)
        return default if value is None else value not in _FALSE


def change(objects: registry.Registry, key: str, edit: Callable[[registry.Object], bool]) -> bool:
    """Read an object, edit it and write it back, again if somebody else was faster; False when nothing was edited.

    Args:
        objects: Where the object is.
        key: Its key.
        edit: Changes the object it is given and says whether it did.

    Raises:
        registry.ApiError: The datastore failed, or the object is not there.
    """
    while True:
        found = objects.get(key)
        if found is None:
            raise registry.ApiError(f"{key} not found")
        if not edit(found):
            return False
        try:
            objects.update(key, found)
        except registry.AlreadyExistsError:
            continue
        return True


def _set_ready(node: registry.Object) -> bool:
    status = node["status"]
    if isinstance(status, dict):
        status["conditions"] = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    spec = node["spec"]
    if isinstance(spec, dict):
        spec.pop("taints", None)
    return True


def _unreadable(path: str) -> str | None:
    """Go's text for why a file cannot be opened; None when it can."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return go_text.path_error("open", path, error)
    return None
