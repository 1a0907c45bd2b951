"""Experiment 64: does a pod with its own network run when containerd leaves the ports alone?

Parent: 63. The one change: a containerd configuration without ``enable_unprivileged_ports`` and ``enable_unprivileged_icmp``,
which k3s turns on for every kernel from 4.11. There is no flag for it; a whole configuration takes the place of k3s's, which
it follows otherwise.

What would refute it: the pod does not run, or does not answer on its own address.
"""

import attrs

from experiments import exp63_routed_veth as parent
from experiments import parts
from runner.model.experiment import Expected
from runner.model.step import WriteFile

CONFIG = """version = 3
root = "/var/lib/rancher/k3s/agent/containerd"
state = "/run/k3s/containerd"

[grpc]
  address = "/run/k3s/containerd/containerd.sock"

[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/rancher/k3s/agent/containerd"

[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = "127.0.0.1"
  stream_server_port = "10010"

[plugins.'io.containerd.cri.v1.runtime']
  enable_unprivileged_ports = false
  enable_unprivileged_icmp = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/opt/cni/bin"]
  conf_dir = "/etc/cni/net.d"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "native"
  disable_snapshot_annotations = true
  use_local_image_pull = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "docker.io/rancher/mirrored-pause:3.6"
"""

CONTAINERD_CONFIG = WriteFile(
    id="containerd-config",
    path="/var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.tmpl",
    content=CONFIG,
    reason="k3s's own lets pods use low ports without privilege by a sysctl that gVisor does not have",
    holds_back=("unprivileged-port-sysctl-missing",),
    workloads=parts.K3S_REAL,
)

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=64,
    slug="containerd-config",
    question="Does a pod with its own network run when containerd sets no sysctl in it?",
    parent=63,
    change="containerd's configuration leaves the sysctls of pods alone",
    refuted_by="the pod does not run, or does not answer on its own address",
    steps=(*parent.EXPERIMENT.steps, CONTAINERD_CONFIG),
    expected=(
        Expected(verdict="pass", ended_by="target-reached", reaches="pod-running"),
        parent.EXPERIMENT.expected[-1],
    ),
)
