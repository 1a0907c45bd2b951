"""The CNI plugin and the iptables translator in real gVisor: two pods, a service between them, and no cluster."""

import json
import sys

import pytest
from command import ROOT, in_sandbox

pytestmark = pytest.mark.sandbox

FILES = ROOT / "experiments" / "files"
CONFIGURATION = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "type": "routed-veth",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.42.0.0/24"}]]},
}
RULES = """*nat
:KUBE-SERVICES - [0:0]
:KUBE-SEP - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -m comment --comment "default/web cluster IP" -m tcp -p tcp -d 10.43.0.80 --dport 80 -j KUBE-SEP
-A KUBE-SEP -m comment --comment default/web -m tcp -p tcp -j DNAT --to-destination 10.42.0.3:8000
COMMIT
"""
SCRIPT = f"""
set -eu
export CNI_PATH=/usr/lib/cni CNI_IFNAME=eth0
plugin() {{
    echo '{json.dumps(CONFIGURATION)}' | CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 sh {FILES}/routed-veth.sh
}}
for pod in client web; do ip netns add $pod; plugin ADD $pod; done
cp {FILES}/iptables-plain.sh /tmp/iptables-restore
sh /tmp/iptables-restore --noflush << 'END'
{RULES}END
cd /tmp && echo served by web > page
ip netns exec web python3 -m http.server 8000 > /dev/null 2>&1 &
get() {{
    ip netns exec client python3 -c "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read().decode())" $1
}}
until get http://10.42.0.3:8000/page 2> /dev/null; do :; done
get http://10.43.0.80/page
plugin CHECK web
plugin DEL web
plugin DEL web
ip route | grep 10.42.0.3 && exit 9
ls /var/lib/cni/networks/pods
! CNI_COMMAND=ADD plugin ADD nowhere
"""


def test_pods_reach_each_other_and_a_service_through_routes_and_plain_rules() -> None:
    done = in_sandbox(SCRIPT)
    assert done.returncode == 0, done.stdout + done.stderr
    # Once by the pod's own address, once by the service's.
    assert done.stdout.count("served by web") == 2
    assert '"address": "10.42.0.2/32"' in done.stdout
    kept = done.stdout.rpartition("served by web")[2]
    assert "10.42.0.2" in kept
    # An address that was given back is free again, and so is that of a pod that could not be made.
    assert "10.42.0.3" not in kept
    assert '"code": 100, "msg": "routed-veth: ip link set' in kept


DEVICE = """
from runner.host.steps import Steps
from runner.model.step import NetworkDevice
steps = Steps()
device = NetworkDevice(id="d", reason="r", name="node0", address="10.42.0.1/32", routes=("10.43.0.0/16",))
print(steps.apply(device).verified)
import subprocess
print(subprocess.run(["ip", "route", "get", "10.43.0.80"], capture_output=True, text=True).stdout)
print(steps.undo())
print(subprocess.run(["ip", "link", "show", "node0"], capture_output=True, text=True).returncode)
"""


def test_the_nodes_device_gives_traffic_to_services_its_address_and_goes_with_the_undo() -> None:
    done = in_sandbox(f"cat > /tmp/device.py << 'END'\n{DEVICE}END\n{sys.executable} /tmp/device.py")
    assert done.returncode == 0, done.stdout + done.stderr
    applied, routed, *rest = [line for line in done.stdout.splitlines() if line.strip()]
    assert "10.42.0.1/32" in applied
    assert "dev node0 src 10.42.0.1" in routed
    assert rest[-2:] == ["[('d', '')]", "1"]


VIEW = """
import subprocess
from pathlib import Path
from experiments.exp63_routed_veth import EXPERIMENT
from runner.host.mounts import MS_REC, MS_SHARED, mount
from runner.intercept.mount_plan import mount_plan
from runner.intercept.mounts import apply_mounts, enter_private_namespace, look
enter_private_namespace()
mount("none", "/", flags=MS_REC | MS_SHARED)  # as the step rshared does
layer = "/run/layer"
Path(layer).mkdir()
apply_mounts(mount_plan(EXPERIMENT.view, look(EXPERIMENT.view, layer), layer))
shown = Path("/proc/sys/net/ipv4/ip_forward")
print(subprocess.run(["stat", "-f", "-c", "%T", shown], capture_output=True, text=True).stdout.strip())
shown.write_text("1")
print(shown.read_text().strip(), Path(f"{layer}/.real{shown}").read_text().strip())
"""


def test_forwarding_that_a_plugin_turns_on_under_the_mounted_view_is_gvisors_own() -> None:
    done = in_sandbox(f"cat > /tmp/view.py << 'END'\n{VIEW}END\n{sys.executable} /tmp/view.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["proc", "1", "1"]
