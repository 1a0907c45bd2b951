"""Who speaks in a klog line."""

import gzip
import re
from pathlib import Path

import pytest

from runner.core.components import component_of_file

LOGS = Path(__file__).parent.parent / "logs"

# Files of these names exist in several components, or in libraries that all of them use.
SHARED = {
    "apis.go", "apiserver.go", "cache.go", "config.go", "configmap_cafile_content.go", "controller.go",
    "dynamic_cafile_content.go", "dynamic_serving_content.go", "event.go", "gc_controller.go", "handler.go", "log.go",
    "manager.go", "node_controller.go", "options.go", "plugins.go", "probe.go", "ratelimit.go", "reconciler.go",
    "reflector.go", "request.go", "requestheader_controller.go", "secure_serving.go", "server.go", "serving.go",
    "shared_informer.go", "status.go", "tlsconfig.go",
}  # fmt: skip


def test_every_file_in_the_recorded_logs_is_assigned_or_known_to_be_shared() -> None:
    text = "".join(gzip.decompress(path.read_bytes()).decode() for path in LOGS.glob("*.log.gz"))
    files = set(re.findall(r"(?m)^[IWEF]\d{4} \S+ +\d+ ([^:\s]+\.go):", text))
    assert {file for file in files if component_of_file(file) is None} == SHARED


@pytest.mark.parametrize(
    ("file", "component"),
    [
        ("hooks.go", "kube-apiserver"),
        ("kubelet_node_status.go", "kubelet"),
        ("proxier.go", "kube-proxy"),
        ("oomparser.go", "cadvisor"),
        ("vxlan.go", "flannel"),
        ("shared_informer.go", None),
        ("", None),
    ],
)
def test_a_file_names_its_component(file: str, component: str | None) -> None:
    assert component_of_file(file) == component
