"""The stand-in as a real process: every blocker comes when its cause is there, in real k3s's words, and only then."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import standin_host
from standin_host import Host, StandIn, mask, real_line

pytestmark = pytest.mark.skipif(standin_host.why_not() is not None, reason=standin_host.why_not() or "")

Start = Callable[..., StandIn]
NO_VXLAN = "failed to create vxlan device: operation not supported"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts stand-ins on hosts of their own and makes sure that none survives the test."""
    running: list[StandIn] = []

    def begin(host: Host, *flags: str) -> StandIn:
        running.append(host.start(tmp_path, *flags))
        return running[-1]

    yield begin
    for standin in running:
        standin.kill()


def test_says_in_its_first_line_that_it_is_not_k3s(start: Start) -> None:
    standin = start(Host(cgroups=False))
    standin.exit_code()
    assert mask(standin.lines[0]) == 'time="T" level=info msg="Starting k3s-standin v0 (stand-in of k3s, not k3s)"'


REACHED = (
    ("exp13", "Configuring sqlite3 database"),
    ("exp13", "Database tables and indexes are up to date"),
    ("exp13", "Kine available at unix://kine.sock"),
    ("exp13", "Datastore connection validated"),
    ("exp13", "Serving securely on 127.0.0.1:6444"),
    ("exp13", "created PriorityClass system-node-critical"),
    ("exp13", "created PriorityClass system-cluster-critical"),
    ("exp13", "all system priority classes"),
    ("exp13", "Creating default ServiceCIDR"),
    ("exp13", '"allocated clusterIPs"'),
    ("exp13", "Kube API server is now running"),
    ("exp13", "k3s is up and running"),
    ("exp13", '"Started kubelet"'),
    ("exp13", '"Attempting to register node"'),
    ("exp13", '"Successfully registered node"'),
    ("exp13", "Fast updating node status"),
    ("exp13", '"Successfully retrieved NodeIPs"'),
    ("exp13", "Setting route_localnet=1"),
    ("exp13", 'Caches are synced" controller="service config"'),
    ("flannel-none", 'Caches are synced" controller="endpoint slice config"'),
    ("exp13", "Annotations and labels have been set"),
    ("exp13", "Starting flannel with backend vxlan"),
    ("exp13", '"Set node PodCIDR"'),
    ("exp13", "Flannel found PodCIDR"),
    ("exp13", "VXLAN config"),
)


def test_on_a_host_without_faults_it_walks_to_flannel_in_k3s_words(start: Start) -> None:
    standin = start(Host())
    standin.until("VXLAN config")
    printed = standin.masked.splitlines()
    for log, needle in REACHED:
        assert mask(real_line(log, needle)) in printed
    for trouble in ("level=fatal", "Shutdown request", "Failed to start", "Error running", "Sync failed"):
        assert trouble not in standin.text


def test_flannel_ends_it_exactly_where_the_kernel_has_no_vxlan(start: Start) -> None:
    standin = start(Host())
    if standin_host.has_vxlan():
        standin.until("Running flannel backend.")
        assert "FLANNEL_SUBNET=10.42.0.1/24" in standin.inside("/run/flannel/subnet.env").read_text()
        assert "vxlan device" not in standin.text
        assert standin.terminate() == 0
    else:
        assert standin.exit_code() == 0
        assert mask(real_line("exp13", NO_VXLAN)) in standin.masked


def test_flannel_leaves_no_device_behind(start: Start) -> None:
    standin = start(Host())
    standin.until("VXLAN config")
    if standin_host.has_vxlan():
        standin.until("Running flannel backend.")
        assert "flannel" not in standin.run("ip", "-o", "link")


def test_flannel_passes_the_kernels_refusal_on(start: Start) -> None:
    standin = start(Host(without_capability="net_admin"))
    assert standin.exit_code() == 0
    refused = mask(real_line("exp13", NO_VXLAN)).replace("operation not supported", "operation not permitted")
    assert refused in standin.masked


def blocker(log: str, needle: str, *, more: int = 0) -> str:
    return mask(real_line(log, needle, more=more))


@pytest.mark.parametrize(
    ("host", "code", "log", "expected"),
    [
        pytest.param(Host(cgroups=False), 1, "bare", {"cgroup mountpoint does not exist": 0}, id="cgroup"),
        pytest.param(
            Host(kmsg=False),
            0,
            "no-kmsg",
            {"Error: failed to run Kubelet": 0, "Shutdown request received": 0},
            id="kmsg",
        ),
        pytest.param(
            Host(net_sysctls=False),
            0,
            "no-net-sysctl",
            {"Failed to set sysctl: open /proc/sys/net/netfilter/nf_conntrack_max": 0, "Error running ProxyServer": 0}
            | {"Error: unable to create proxier": 0, "Shutdown request received": 0},
            id="route-localnet",
        ),
        pytest.param(
            Host(iptables="nft"),
            0,
            "nft",
            {"Error running ProxyServer": 2, "Shutdown request received": 0},
            id="iptables",
        ),
    ],
)
def test_a_missing_thing_ends_it_as_it_ends_k3s(
    start: Start, host: Host, code: int, log: str, expected: dict[str, int]
) -> None:
    standin = start(host)
    assert standin.exit_code() == code
    for needle, more in expected.items():
        assert blocker(log, needle, more=more) in standin.masked


@pytest.mark.skipif(not standin_host.has_cpuacct(), reason="needs cgroup version 1 with cpuacct.usage_percpu")
class TestRootStatistics:
    def test_missing_usage_ends_the_kubelet(self, start: Start) -> None:
        standin = start(Host(usage_percpu=False))
        assert standin.exit_code() == 1
        assert blocker("no-lsci", "Unable to get rootfs data") in standin.masked
        assert standin.masked.endswith(blocker("no-lsci", "Failed to start ContainerManager"))

    def test_missing_usage_is_survived_without_local_storage_isolation(self, start: Start) -> None:
        standin = start(Host(usage_percpu=False), "--kubelet-arg=--local-storage-capacity-isolation=false")
        standin.until("Successfully registered node")
        assert "Failed to start ContainerManager" not in standin.text

    def test_comes_before_the_sysctls(self, start: Start) -> None:
        standin = start(Host(usage_percpu=False, sysctls={}))
        assert standin.exit_code() == 1
        assert blocker("no-lsci", "Failed to start ContainerManager") in standin.masked
        assert "panic_on_oom" not in standin.text


class TestTunables:
    def test_each_missing_sysctl_is_named_as_k3s_names_it(self, start: Start) -> None:
        standin = start(Host(sysctls={"vm/overcommit_memory": "1"}))
        assert standin.exit_code() == 1
        real = blocker("no-intercept", "Failed to start ContainerManager")
        # Go walks its table in another order each time, and gVisor alone refuses to write overcommit_memory.
        wanted = sorted(part for part in inside_brackets(real) if "overcommit_memory" not in part)
        assert sorted(inside_brackets(standin.lines[-1])) == wanted
        assert mask(standin.lines[-1]).partition("[")[0] == real.partition("[")[0]

    def test_one_missing_sysctl_is_named_without_brackets(self, start: Start) -> None:
        standin = start(Host(sysctls={k: v for k, v in standin_host.TUNABLES.items() if k != "kernel/panic"}))
        assert standin.exit_code() == 1
        assert standin.lines[-1].endswith('err="open /proc/sys/kernel/panic: no such file or directory"')

    def test_other_values_are_really_overwritten(self, start: Start) -> None:
        standin = start(Host(sysctls={**standin_host.TUNABLES, "vm/overcommit_memory": "0", "kernel/panic": "0"}))
        standin.until("Successfully registered node")
        assert standin.inside("/proc/sys/vm/overcommit_memory").read_text() == "1"
        assert standin.inside("/proc/sys/kernel/panic").read_text() == "10"

    def test_other_values_are_refused_when_the_defaults_are_protected(self, start: Start) -> None:
        standin = start(
            Host(sysctls={**standin_host.TUNABLES, "kernel/panic": "0"}), "--kubelet-arg=protect-kernel-defaults=true"
        )
        assert standin.exit_code() == 1
        assert "invalid kernel flag: kernel/panic, expected value: 10, actual value: 0" in standin.lines[-1]


def inside_brackets(line: str) -> list[str]:
    return line.partition('err="[')[2].removesuffix(']"').split(", ")


def test_without_host_local_it_waits_and_goes_on_once_it_is_there(start: Start, tmp_path: Path) -> None:
    standin = start(Host(host_local=False))
    standin.until("failed to find host-local")
    assert mask(standin.lines[-1]) == blocker("no-cni", "failed to find host-local")
    assert "Running kube-apiserver" not in standin.text
    standin_host.program(tmp_path / "bin" / "host-local", "exit 0")
    standin.until("Serving securely")


def test_without_flannel_host_local_is_not_asked_for(start: Start) -> None:
    standin = start(Host(host_local=False), "--flannel-backend=none")
    standin.until("Successfully registered node")
    assert "host-local" not in standin.text


def test_node_is_ready_only_once_there_is_cni_configuration(start: Start) -> None:
    standin = start(Host(), "--flannel-backend=none")
    standin.until('"Set node PodCIDR"')
    assert node_ready(standin) == "False"
    assert "just became ready" not in standin.text
    folder = standin.inside("/etc/cni/net.d")
    folder.joinpath("05-broken.conflist").write_text("{")
    folder.joinpath("05-broken.conflist").unlink()
    folder.joinpath("10-net.conflist").write_text('{"name": "net", "plugins": [{"type": "loopback"}]}')
    standin.until("just became ready")
    assert mask(standin.lines[-1]) == blocker("pod-running", "just became ready")
    assert standin.terminate() == 0


def node_ready(standin: StandIn) -> str:
    status, _, body = standin.get("/api/v1/nodes").partition(" ")
    assert status == "200"
    (node,) = json.loads(body)["items"]
    assert node["metadata"]["name"] == standin_host.NODE
    return str(node["status"]["conditions"][0]["status"])


def test_health_endpoint_tells_the_checks(start: Start) -> None:
    standin = start(Host(), "--disable-agent")
    standin.until("k3s is up and running")
    verbose = standin.get("/readyz?verbose")
    assert "[+]poststarthook/scheduling/bootstrap-system-priority-classes ok\n" in verbose
    assert verbose.strip().endswith("readyz check passed")
    assert standin.get("/healthz").strip() == "200 ok"
    assert standin.get("/api/v1/nothing").startswith("404 ")


def test_without_agent_nothing_is_asked_of_the_host(start: Start) -> None:
    bare = Host(cgroups=False, host_local=False, kmsg=False, sysctls={}, net_sysctls=False, iptables=None)
    standin = start(bare, "--disable-agent")
    standin.until("k3s is up and running")
    assert standin.terminate() == 0
    assert "kubelet" not in standin.text


def test_mount_propagation_is_really_tried(start: Start) -> None:
    standin = start(Host(without_capability="sys_admin"))
    assert standin.exit_code() == 1
    assert '"Failed to initialize internal modules" err="error configuring root directory: ' in standin.lines[-1]
    assert standin.lines[-1].endswith('/var/lib/kubelet: operation not permitted"')


def test_iptables_that_is_not_there_is_named(start: Start) -> None:
    standin = start(Host(iptables=None))
    assert standin.exit_code() == 0
    assert 'listing chain "POSTROUTING" in table "nat": executable file not found in $PATH: ' in standin.text


def test_no_default_route_is_fatal(start: Start) -> None:
    standin = start(Host(route=False))
    assert standin.exit_code() == 1
    assert "Error: no default routes found in" in standin.lines[-1]


def test_full_disk_is_fatal_in_sqlites_words(start: Start) -> None:
    standin = start(Host(datastore_kib=16))
    assert standin.exit_code() == 1
    assert "level=fatal" in standin.lines[-1]
    assert "database or disk is full" in standin.lines[-1] or "disk I/O error" in standin.lines[-1]


def test_sigterm_ends_it_in_order(start: Start) -> None:
    standin = start(Host(host_local=False))
    standin.until("failed to find host-local")
    assert standin.terminate() == 0
    end = ("Waiting up to 2s for graceful", "TTL events watch channel closed", "Closing database connections")
    assert standin.masked.splitlines()[-3:] == [blocker("exp13", needle) for needle in end]


def test_a_second_start_finds_its_node(start: Start, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for line in ("Successfully registered node", "Node was previously registered"):
        standin = start(Host(), f"--data-dir={tmp_path}/kept")
        standin.until(line)
        assert standin.terminate() == 0


def test_a_datastore_of_somebody_else_is_left_alone(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "other" / "server" / "db" / "state.db"
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE kine (id INTEGER)")
    database.close()
    before = path.read_bytes()
    standin = start(Host(), f"--data-dir={tmp_path}/other")
    assert standin.exit_code() == 1
    assert "was not made by k3s-standin" in standin.lines[-1]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]


@pytest.mark.parametrize(
    ("flag", "complaint"),
    [
        ("--foo", "flag provided but not defined: -foo"),
        ("--docker", "flag provided but not defined: -docker"),
        ("--flannel-backend=wireguard", "unable to parse flannel backend"),
    ],
)
def test_an_unknown_flag_is_refused_as_k3s_refuses_it(start: Start, flag: str, complaint: str) -> None:
    standin = start(Host(), flag)
    assert standin.exit_code() == 1
    assert standin.lines[0].startswith(f"Incorrect Usage: {complaint}")
    assert mask(standin.lines[-1]).startswith(f'time="T" level=fatal msg="Error: {complaint}')
