"""What the control plane writes when it starts, and the post-start hook that everything hangs on.

Several writers at once, as in the real API server: that is what makes a slow disk end in "database is locked". The
hook is Kubernetes' own: look for each system priority class, create it, give up after 30 s or at the first failed
create.
"""

import functools
import time
from collections.abc import Callable, Iterable

from runner.standin import registry
from runner.standin.apiserver import ApiServer
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


HOOK_LIMIT_S = 30.0
HOOK_INTERVAL_S = 1.0
SERVICE_CIDR = "10.43.0.0/16"
KUBERNETES_SERVICE_IP = "10.43.0.1"
PRIORITY_CLASSES = (
    (
        "system-node-critical",
        2000001000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2000000000,
        "Used for system critical pods that must run in the cluster, but can be moved.",
    ),
)
NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
API_SERVICES = _words("""
    v1. v1.admissionregistration.k8s.io v1.apiextensions.k8s.io v1.apps v1.authentication.k8s.io
    v1.authorization.k8s.io v1.autoscaling v2.autoscaling v1.batch v1.certificates.k8s.io
    v1.coordination.k8s.io v1.discovery.k8s.io v1.events.k8s.io v1.flowcontrol.apiserver.k8s.io
    v1.networking.k8s.io v1.node.k8s.io v1.policy v1.rbac.authorization.k8s.io v1.resource.k8s.io
    v1.scheduling.k8s.io v1.storage.k8s.io
""")
FLOW_SCHEMAS = _words("""
    exempt probes system-leader-election endpoint-controller workload-leader-election system-node-high
    system-nodes kube-controller-manager kube-scheduler kube-system-service-accounts service-accounts
    global-default catch-all
""")
CLUSTER_ROLES = _words("""
    cluster-admin system:discovery system:basic-user system:public-info-viewer system:monitoring admin edit
    view system:aggregate-to-admin system:aggregate-to-edit system:aggregate-to-view system:heapster
    system:node system:node-problem-detector system:kubelet-api-admin system:node-bootstrapper
    system:auth-delegator system:kube-aggregator system:kube-controller-manager system:kube-dns
    system:persistent-volume-provisioner system:kube-scheduler system:node-proxier system:volume-scheduler
    system:service-account-issuer-discovery
""")
_API_SERVICE_WORKERS = 5


class Bootstrap:
    """Starts the writers; each reports a failure in its controller's words and gives up."""

    def __init__(self, objects: registry.Registry, api: ApiServer, out: Printer, lifecycle: Lifecycle) -> None:
        self._objects = objects
        self._api = api
        self._out = out
        self._lifecycle = lifecycle

    def start(self, node_ip: str) -> None:
        """Start every writer in a thread of its own; ``node_ip`` becomes the kubernetes service's endpoint."""
        start = self._lifecycle.start
        start("priority-classes", self._priority_class_hook)
        start("namespaces", self._namespaces)
        start("service-cidr", lambda: self._services(node_ip))
        start("flow-schemas", self._flow_schemas)
        start("cluster-roles", self._cluster_roles)
        for worker in range(_API_SERVICE_WORKERS):
            start(
                f"api-services-{worker}",
                functools.partial(self._api_services, API_SERVICES[worker::_API_SERVICE_WORKERS]),
            )

    def add_priority_classes(self) -> None:
        """The hook itself.

        Raises:
            registry.ApiError: A create failed; or the classes could not be looked up for HOOK_LIMIT_S seconds.
        """
        deadline = time.monotonic() + HOOK_LIMIT_S
        while True:
            # Before the first try, too: so does Kubernetes (wait.Poll), and by then the other writers have the disk.
            if self._lifecycle.stopping.wait(HOOK_INTERVAL_S) or time.monotonic() >= deadline:
                raise registry.ApiError("timed out waiting for the condition")
            if self._try_priority_classes():
                break
        self._out.klog(
            "I", "storage_scheduling.go:111", "all system priority classes are created successfully or already exist."
        )

    def _priority_class_hook(self) -> None:
        try:
            self.add_priority_classes()
        except registry.ApiError as error:
            if self._lifecycle.stopping.is_set():
                return
            name = "scheduling/bootstrap-system-priority-classes"
            text = f'PostStartHook "{name}" failed: unable to add default system priority classes: {error}'
            line = self._out.klog("F", "hooks.go:204", text)
            self._out.plain(f"panic: {line}\n\t\n")
            self._lifecycle.exit_now(2)
        else:
            self._api.ready.open()

    def _try_priority_classes(self) -> bool:
        for name, value, description in PRIORITY_CLASSES:
            key = f"/registry/priorityclasses/{name}"
            try:
                if self._objects.get(key) is not None:
                    continue
            except registry.ApiError as error:
                self._out.klog(
                    "W", "storage_scheduling.go:106", f"unable to get PriorityClass {name}: {error}. Retrying..."
                )
                return False
            body: registry.Object = {
                "value": value,
                "description": description,
                "preemptionPolicy": "PreemptLowerPriority",
            }
            self._create(key, "PriorityClass", "scheduling.k8s.io/v1", body)
            self._out.klog("I", "storage_scheduling.go:95", f"created PriorityClass {name} with value {value}")
        return True

    def _namespaces(self) -> None:
        def failed(name: str, error: str) -> None:
            self._unhandled(
                "system_namespaces_controller.go:82",
                f"unable to create required kubernetes system Namespace {name}: {error}",
            )

        self._each(NAMESPACES, "/registry/namespaces/", "Namespace", "v1", failed)

    def _api_services(self, names: Iterable[str]) -> None:
        def failed(name: str, error: str) -> None:
            self._unhandled("autoregister_controller.go:198", f"{name} failed with : {error}")

        self._each(
            names,
            "/registry/apiregistration.k8s.io/apiservices/",
            "APIService",
            "apiregistration.k8s.io/v1",
            failed,
        )

    def _flow_schemas(self) -> None:
        def failed(_name: str, error: str) -> None:
            self._out.klogs(
                "E", "storage_flowcontrol.go:146", "APF bootstrap ensurer ran into error, will retry later", err=error
            )

        self._each(FLOW_SCHEMAS, "/registry/flowschemas/", "FlowSchema", "flowcontrol.apiserver.k8s.io/v1", failed)

    def _cluster_roles(self) -> None:
        def failed(name: str, error: str) -> None:
            self._unhandled(
                "storage_rbac.go:232", f"unable to reconcile clusterrole.rbac.authorization.k8s.io/{name}: {error}"
            )

        self._each(CLUSTER_ROLES, "/registry/clusterroles/", "ClusterRole", "rbac.authorization.k8s.io/v1", failed)

    def _services(self, node_ip: str) -> None:
        try:
            self._out.klog(
                "I",
                "default_servicecidr_controller.go:166",
                f"Creating default ServiceCIDR with CIDRs: [{SERVICE_CIDR}]",
            )
            self._create(
                "/registry/servicecidrs/kubernetes",
                "ServiceCIDR",
                "networking.k8s.io/v1",
                {"spec": {"cidrs": [SERVICE_CIDR]}},
            )
            service: registry.Object = {
                "spec": {"clusterIP": KUBERNETES_SERVICE_IP, "ports": [{"name": "https", "port": 443}]}
            }
            if self._create("/registry/services/specs/default/kubernetes", "Service", "v1", service):
                text = f'service="default/kubernetes" clusterIPs={{"IPv4":"{KUBERNETES_SERVICE_IP}"}}'
                self._out.klog("I", "alloc.go:328", f'"allocated clusterIPs" {text}')
            slices: registry.Object = {
                "endpoints": [{"addresses": [node_ip]}],
                "ports": [{"name": "https", "port": 6443}],
            }
            self._create("/registry/endpointslices/default/kubernetes", "EndpointSlice", "discovery.k8s.io/v1", slices)
        except registry.ApiError as error:
            self._out.klog(
                "E", "controller.go:95", f"Unable to perform initial Kubernetes service initialization: {error}"
            )

    def _each(
        self, names: Iterable[str], prefix: str, kind: str, version: str, failed: Callable[[str, str], None]
    ) -> None:
        for name in names:
            if self._lifecycle.stopping.is_set():
                return
            try:
                self._create(prefix + name, kind, version, {})
            except registry.ApiError as error:
                failed(name, str(error))

    def _create(self, key: str, kind: str, version: str, body: registry.Object) -> bool:
        """Create an object; False when it was there already."""
        try:
            self._objects.create(key, kind, version, body)
        except registry.AlreadyExistsError:
            return False
        return True

    def _unhandled(self, site: str, message: str) -> None:
        self._out.klogs("E", site, "Unhandled Error", err=message, logger="UnhandledError")
