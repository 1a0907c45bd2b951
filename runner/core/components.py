"""Which component prints klog lines from which Go source file.

k3s runs every component in one process and one output, so the file name in a klog line is all there is to tell them
apart. A file that several components share (``shared_informer.go``, ``server.go``, ``controller.go``) names nobody:
no guess is better than a wrong one.
"""

from typing import Final

_FILES: Final = {
    "kube-apiserver": (
        "aggregator apf_controller api_enablement apiapproval_controller apiservice_controller "
        "autoregister_controller cidrallocator "
        "cluster_authentication_trust_controller crd_finalizer crdregistration_controller "
        "customresource_discovery_controller "
        "default_servicecidr_controller establishing_controller genericapiserver handler_discovery hooks instance "
        "lease "
        "local_available_controller naming_controller nonstructuralschema_controller policy_source "
        "remote_available_controller repairip "
        "storage_scheduling system_namespaces_controller alloc"
    ),
    "kube-controller-manager": (
        "attach_detach_controller certificate_controller cleaner clusterroleaggregation_controller controllermanager "
        "cronjob_controllerv2 daemon_controller deployment_controller disruption endpoints_controller "
        "endpointslice_controller "
        "endpointslicemirroring_controller expand_controller garbagecollector graph_builder horizontal job_controller "
        "legacy_serviceaccount_token_cleaner namespace_controller node_ipam_controller node_lifecycle_controller "
        "publisher "
        "pv_controller_base pv_protection_controller pvc_protection_controller range_allocator replica_set "
        "resource_quota_controller "
        "resource_quota_monitor serviceaccounts_controller servicecidrs_controller stateful_set taint_eviction "
        "tokencleaner ttl_controller "
        "ttlafterfinished_controller vac_protection_controller"
    ),
    "kubelet": (
        "actual_state_of_world container_log_manager container_manager_linux cpu_manager "
        "desired_state_of_world_populator eviction_manager "
        "fs_resource_analyzer kubelet kubelet_getters kubelet_network kubelet_network_linux kubelet_node_status "
        "kubelet_pods kubelet_volumes "
        "kuberuntime_container kuberuntime_manager kuberuntime_sandbox memory_manager nodelease plugin_manager "
        "pod_startup_latency_tracker pod_workers policy_none safe_sysctls server_v1 state_mem status_manager "
        "swap_util topology_manager "
        "volume_manager watchdog_linux"
    ),
    "cadvisor": "container factory fs info machine oomparser sysinfo",
    "kube-proxy": "proxier server_linux",
    "flannel": "iptables kube vxlan",
}

_BY_FILE: Final = {f"{name}.go": component for component, names in _FILES.items() for name in names.split()}


def component_of_file(file: str) -> str | None:
    """The component that owns a Go source file such as ``hooks.go``; None where several share it or none is known."""
    return _BY_FILE.get(file)
