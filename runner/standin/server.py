"""The server: which component starts when, in k3s's order, and the controllers too small for a module of their own.

The datastore comes first, then the agent's demands (k3s starts nothing else before), then API server, controllers,
kubelet and kube-proxy at once, each in a thread; they wait for one another's objects.
"""

import os
import socket
from pathlib import Path

from runner.standin import agent, go_text, kubelet, network, proxy, registry
from runner.standin.apiserver import ApiServer
from runner.standin.bootstrap import SERVICE_CIDR, Bootstrap
from runner.standin.datastore import Datastore, DatastoreError, KeyExistsError
from runner.standin.flags import Config
from runner.standin.flannel import CLUSTER_CIDR, Flannel
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer

STARTING = "Starting k3s-standin v0 (stand-in of k3s, not k3s)"
_POD_CIDR = "10.42.0.0/24"
_HEALTH_KEY = "/registry/health"

_KUBECONFIG = """apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    server: http://127.0.0.1:6443
contexts:
- name: default
  context:
    cluster: default
    user: default
current-context: default
users:
- name: default
  user: {}
"""


def run(config: Config, out: Printer) -> int:
    """Walk the start-up, stay until a shutdown; returns the exit code."""
    out.info(STARTING)
    lifecycle = Lifecycle(out)
    lifecycle.block_signals()
    try:
        address = network.ipv4_address(network.default_interface())
    except network.NoRouteError as error:
        out.fatal(f"Error: {error}")
        return 1
    store = Datastore(f"{config.data_dir}/server/db", out)
    try:
        _open(store, out)
    except DatastoreError as error:
        out.fatal(f"Error: preparing server: creating storage endpoint: building kine: {error}")
        return 1
    server = Server(config, address, store, out, lifecycle)
    lifecycle.watch_signals()
    lifecycle.start("server", server.start)
    return lifecycle.run_until_stopped(server.close)


def _open(store: Datastore, out: Printer) -> None:
    """Open the datastore and prove that it takes a write and gives it back.

    Raises:
        DatastoreError: It does not.
    """
    store.open()
    out.info("Kine available at unix://kine.sock")
    wanted = b'{"health":"true"}'
    try:
        store.create(_HEALTH_KEY, wanted)
    except KeyExistsError:
        store.update(_HEALTH_KEY, wanted)
    if store.get(_HEALTH_KEY) != wanted:
        raise DatastoreError(f"{store.path} gives back other data than was written to it")
    out.info("Datastore connection validated successfully, proceeding with bootstrap data generation")


class Server:
    """All components of one server."""

    def __init__(self, config: Config, address: str, store: Datastore, out: Printer, lifecycle: Lifecycle) -> None:
        self._config = config
        self._address = address
        self._store = store
        self._out = out
        self._lifecycle = lifecycle
        self._node = config.node_name or socket.gethostname().lower()
        self._objects = registry.Registry(store, out)
        self._api = ApiServer(self._objects, out, lifecycle)
        self._proxy = proxy.Proxy(self._node, self._objects, out, lifecycle)

    def start(self) -> None:
        """Start one component after the other; returns when all run, or when a shutdown began."""
        if not self._config.disable_agent and not agent.prepare(self._config, self._out, self._lifecycle):
            return
        self._announce_control_plane()
        self._write_kubeconfig()
        if not self._config.disable_agent:
            self._proxy.announce()
            self._lifecycle.start("kube-proxy", self._proxy.run)
        if not self._api.start():
            return
        Bootstrap(self._objects, self._api, self._out, self._lifecycle).start(self._address)
        self._lifecycle.start("node-ipam", self._assign_pod_cidrs)
        node = None
        if not self._config.disable_agent:
            node = kubelet.Kubelet(
                config=self._config,
                node=self._node,
                address=self._address,
                objects=self._objects,
                out=self._out,
                lifecycle=self._lifecycle,
                registered=self._node_registered,
            )
            node.announce()
        if not self._api.ready.wait():
            return
        self._out.info("Kube API server is now running")
        self._out.info("k3s is up and running")
        if node is not None:
            self._lifecycle.start("kubelet", node.run)

    def close(self) -> None:
        """Called once the shutdown began: no more requests, no more writes."""
        self._api.stop()
        self._store.close()

    def _announce_control_plane(self) -> None:
        """k3s's lines with the components' flags; the scheduler is only its line, as there are no pods to place."""
        self._out.info(
            "Running kube-apiserver --advertise-port=6443 --bind-address=127.0.0.1 --etcd-servers=unix://kine.sock "
            f"--secure-port=6444 --service-cluster-ip-range={SERVICE_CIDR} --storage-backend=etcd3"
        )
        self._out.info("Running kube-scheduler --bind-address=127.0.0.1 --leader-elect=false --secure-port=10259")
        self._out.info(
            f"Running kube-controller-manager --allocate-node-cidrs=true --bind-address=127.0.0.1 "
            f"--cluster-cidr={CLUSTER_CIDR} --secure-port=10257 --service-cluster-ip-range={SERVICE_CIDR}"
        )

    def _write_kubeconfig(self) -> None:
        path = Path(self._config.kubeconfig)
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with path.open("w", encoding="ascii") as file:
                os.fchmod(file.fileno(), self._config.kubeconfig_mode)
                file.write(_KUBECONFIG)
        except OSError as error:
            self._out.error(f"Failed to write kubeconfig: {go_text.path_error('open', str(path), error)}")
        else:
            self._out.info(f"Wrote kubeconfig {path}")

    def _node_registered(self) -> None:
        """k3s's own touch to the node, and flannel, which waits for it."""
        self._out.info(f"Annotations and labels have been set successfully on node: {self._node}")
        if self._config.flannel_backend == "vxlan":
            flannel = Flannel(self._node, self._objects, self._out, self._lifecycle)
            self._lifecycle.start("flannel", flannel.run)

    def _assign_pod_cidrs(self) -> None:
        """The controller manager's range allocator, for the one node there is.

        In k3s it comes seconds after kube-proxy's first pass over the rules. Here nothing takes that long, so it
        waits for that pass: otherwise flannel, which waits for the network, would end everything before kube-proxy
        has asked.
        """
        if not self._config.disable_agent and not self._proxy.first_pass.wait():
            return
        key = kubelet.NODES + self._node
        try:
            for _ in self._objects.follow(key):
                if kubelet.change(self._objects, key, _set_pod_cidr):
                    text = f'"Set node PodCIDR" node="{self._node}" podCIDRs=["{_POD_CIDR}"]'
                    self._out.klog("I", "range_allocator.go:428", text)
        except registry.ApiError as error:
            message = "Failed to update node PodCIDR after multiple attempts"
            self._out.klogs("E", "range_allocator.go:433", message, err=str(error), node=self._node)


def _set_pod_cidr(node: registry.Object) -> bool:
    spec = node["spec"]
    if not isinstance(spec, dict) or spec.get("podCIDR"):
        return False
    spec.update(podCIDR=_POD_CIDR, podCIDRs=[_POD_CIDR])
    return True
