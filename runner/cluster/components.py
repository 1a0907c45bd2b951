"""Which components a cluster has, with which flags, and what each waits for; data only, nothing is started here.

The flags are those that k3s 1.34 gives the same components, as its log prints them, less what belongs to k3s alone (its
egress tunnel, its cloud controller): what differs between the two workloads should be who starts the components.
"""

from typing import assert_never

import attrs

from runner.cluster.settings import API_PORT, CLUSTER_CIDR, CLUSTER_DNS, CLUSTER_DOMAIN, SERVICE_CIDR, Settings
from runner.cluster.waiting import Answer, Api, Socket

CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,"
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"
)
ETCD_CLIENTS = "http://127.0.0.1:2379"
ETCD_PEERS = "http://127.0.0.1:2380"
LOOPBACK = "127.0.0.1"
# k3s's: an experiment that preloads it means both workloads.
SANDBOX_IMAGE = "docker.io/rancher/mirrored-pause:3.6"


@attrs.frozen(kw_only=True)
class Component:
    """One process.

    Attributes:
        name: In logs and results.
        program: A path, or a name on PATH.
        flags: In order.
        after: Components that must answer before this one is started.
        answer: How it shows that it is ready; None when nobody waits for it.
        needs_pki: It reads certificates or a kubeconfig.
    """

    name: str
    program: str
    flags: tuple[str, ...]
    after: tuple[str, ...] = ()
    answer: Answer | None = None
    needs_pki: bool = True

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line."""
        return (self.program, *self.flags)


def components(settings: Settings) -> tuple[Component, ...]:
    """Every component; whoever waits for another stands after it."""
    control_plane = (_datastore(settings), _apiserver(settings), _controller_manager(settings), _scheduler(settings))
    if not settings.agent:
        return control_plane
    return (control_plane[0], _containerd(settings), *control_plane[1:], _kubelet(settings), _kube_proxy(settings))


def containerd_config(settings: Settings) -> str:
    """The configuration file of containerd; what it does not name is as the distribution has it."""
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{SANDBOX_IMAGE}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "{settings.snapshotter}"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/opt/cni/bin"
  conf_dir = "/etc/cni/net.d"
"""


def _datastore(settings: Settings) -> Component:
    match settings.datastore:
        case "kine":
            return Component(
                name="kine",
                program=str(settings.datastore_program),
                flags=(
                    f"--listen-address=unix://{settings.kine_socket}",
                    "--metrics-bind-address=0",
                    "--log-format=json",
                ),
                answer=Socket(path=str(settings.kine_socket)),
                needs_pki=False,
            )
        case "etcd":
            return Component(
                name="etcd",
                program=str(settings.datastore_program),
                flags=(
                    f"--data-dir={settings.datastore_directory}",
                    f"--listen-client-urls={ETCD_CLIENTS}",
                    f"--advertise-client-urls={ETCD_CLIENTS}",
                    f"--listen-peer-urls={ETCD_PEERS}",
                    f"--initial-advertise-peer-urls={ETCD_PEERS}",
                    f"--initial-cluster=default={ETCD_PEERS}",
                ),
                answer=Socket(port=2379),
                needs_pki=False,
            )
        case _:
            assert_never(settings.datastore)


def _containerd(settings: Settings) -> Component:
    return Component(
        name="containerd",
        program="containerd",
        flags=(f"--config={settings.configuration / 'containerd.toml'}", f"--address={settings.containerd_socket}"),
        answer=Socket(path=str(settings.containerd_socket)),
        needs_pki=False,
    )


def _apiserver(settings: Settings) -> Component:
    pki = settings.pki
    servers = f"unix://{settings.kine_socket}" if settings.datastore == "kine" else ETCD_CLIENTS
    return Component(
        name="kube-apiserver",
        program=str(settings.programs / "kube-apiserver"),
        flags=(
            f"--advertise-address={settings.address}",
            "--allow-privileged=true",
            "--anonymous-auth=false",
            f"--api-audiences=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
            "--authorization-mode=Node,RBAC",
            "--bind-address=0.0.0.0",
            f"--client-ca-file={pki}/ca.crt",
            "--enable-admission-plugins=NodeRestriction",
            "--enable-aggregator-routing=true",
            "--enable-bootstrap-token-auth=true",
            f"--etcd-servers={servers}",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            "--profiling=false",
            f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
            f"--proxy-client-key-file={pki}/front-proxy-client.key",
            "--requestheader-allowed-names=front-proxy-client",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--secure-port={API_PORT}",
            f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
            f"--service-account-key-file={pki}/sa.key",
            f"--service-account-signing-key-file={pki}/sa.key",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            "--service-node-port-range=30000-32767",
            "--storage-backend=etcd3",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-cipher-suites={CIPHERS}",
            f"--tls-private-key-file={pki}/apiserver.key",
        ),
        after=(settings.datastore,),
        answer=Api(port=API_PORT, path="/readyz", kubeconfig=str(settings.kubeconfig("admin"))),
    )


def _controller_manager(settings: Settings) -> Component:
    pki, kubeconfig = settings.pki, settings.kubeconfig("kube-controller-manager")
    return Component(
        name="kube-controller-manager",
        program=str(settings.programs / "kube-controller-manager"),
        flags=(
            "--allocate-node-cidrs=true",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--cluster-cidr={CLUSTER_CIDR}",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--configure-cloud-routes=false",
            "--controllers=*,tokencleaner",
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--profiling=false",
            f"--root-ca-file={pki}/ca.crt",
            "--secure-port=10257",
            f"--service-account-private-key-file={pki}/sa.key",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--tls-cert-file={pki}/node.crt",
            f"--tls-private-key-file={pki}/node.key",
            "--use-service-account-credentials=true",
        ),
        after=("kube-apiserver",),
    )


def _scheduler(settings: Settings) -> Component:
    pki, kubeconfig = settings.pki, settings.kubeconfig("kube-scheduler")
    return Component(
        name="kube-scheduler",
        program=str(settings.programs / "kube-scheduler"),
        flags=(
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--profiling=false",
            "--secure-port=10259",
            f"--tls-cert-file={pki}/node.crt",
            f"--tls-private-key-file={pki}/node.key",
        ),
        after=("kube-apiserver",),
    )


def _kubelet(settings: Settings) -> Component:
    pki = settings.pki
    return Component(
        name="kubelet",
        program=str(settings.programs / "kubelet"),
        # k3s writes most of these into a configuration file; as flags they stand where a step's flag can follow them.
        flags=(
            "--anonymous-auth=false",
            "--authentication-token-webhook=true",
            "--authorization-mode=Webhook",
            "--cgroup-driver=cgroupfs",
            f"--client-ca-file={pki}/ca.crt",
            f"--cluster-dns={CLUSTER_DNS}",
            f"--cluster-domain={CLUSTER_DOMAIN}",
            f"--container-runtime-endpoint=unix://{settings.containerd_socket}",
            "--eviction-hard=imagefs.available<5%,nodefs.available<5%",
            "--eviction-minimum-reclaim=imagefs.available=10%,nodefs.available=10%",
            f"--healthz-bind-address={LOOPBACK}",
            f"--hostname-override={settings.node}",
            f"--kubeconfig={settings.kubeconfig('kubelet')}",
            f"--node-ip={settings.address}",
            "--read-only-port=0",
            f"--tls-cert-file={pki}/node.crt",
            f"--tls-private-key-file={pki}/node.key",
            *settings.kubelet_args,
        ),
        after=("containerd", "kube-apiserver"),
    )


def _kube_proxy(settings: Settings) -> Component:
    return Component(
        name="kube-proxy",
        program=str(settings.programs / "kube-proxy"),
        flags=(
            f"--cluster-cidr={CLUSTER_CIDR}",
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-close-wait=0s",
            "--conntrack-tcp-timeout-established=0s",
            f"--healthz-bind-address={LOOPBACK}",
            f"--hostname-override={settings.node}",
            f"--kubeconfig={settings.kubeconfig('kube-proxy')}",
            "--proxy-mode=iptables",
            *settings.kube_proxy_args,
        ),
        after=("kube-apiserver",),
    )
