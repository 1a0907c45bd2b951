"""k3s's agent before it starts anything: cgroups, host-local, the host's sysctls, flannel's CNI configuration.

Until it is done k3s starts no API server either, so these refusals come first. Kernel modules are not loaded: that
would change the machine outside the sandbox as well.
"""

import os
from pathlib import Path

from runner.standin import cgroups, cni, go_text, sysctl
from runner.standin.flags import Config
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer

HOST_LOCAL = "host-local"
# k3s waits 5 to 10 s between two attempts.
RETRY_S = 5.0
_CONNTRACK_PER_CPU = 32768
_CONNTRACK_MINIMUM = 131072


def prepare(config: Config, out: Printer, lifecycle: Lifecycle) -> bool:
    """Do it all; False when a shutdown began first (which a missing cgroup hierarchy brings about itself)."""
    try:
        cgroups.validate(out)
    except cgroups.CgroupError as error:
        lifecycle.failed(str(error))
        return False
    if config.flannel_backend != "none" and not _wait_for_host_local(out, lifecycle):
        return False
    _set_sysctls(out)
    if config.flannel_backend != "none":
        path = cni.directory(config.data_dir, config.flannel_backend)
        try:
            cni.write_flannel(path)
        except OSError as error:
            lifecycle.failed(go_text.path_error("open", f"{path}/{cni.FLANNEL_FILE}", error))
            return False
    return not lifecycle.stopping.is_set()


def look_path(name: str) -> str | None:
    """The first executable of this name on PATH, as Go's exec.LookPath finds it."""
    for folder in os.environ.get("PATH", "").split(":"):
        path = Path(folder or ".", name)
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None


def _wait_for_host_local(out: Printer, lifecycle: Lifecycle) -> bool:
    while look_path(HOST_LOCAL) is None:
        reason = f"failed to find {HOST_LOCAL}: exec: {go_text.quote(HOST_LOCAL)}: executable file not found in $PATH"
        out.info(f"Waiting to retrieve agent configuration; server is not ready: {reason}")
        if lifecycle.stopping.wait(RETRY_S):
            return False
    return True


def _set_sysctls(out: Printer) -> None:
    """What k3s wants of the host's network; a failure is reported and otherwise ignored."""
    wanted = {
        "net/bridge/bridge-nf-call-iptables": 1,
        "net/netfilter/nf_conntrack_max": max(_CONNTRACK_PER_CPU * (os.cpu_count() or 1), _CONNTRACK_MINIMUM),
        "net/netfilter/nf_conntrack_tcp_timeout_established": 86400,
        "net/netfilter/nf_conntrack_tcp_timeout_close_wait": 3600,
        "net/ipv4/conf/all/forwarding": 1,
        "net/ipv4/conf/default/forwarding": 1,
    }
    for name, value in wanted.items():
        if not sysctl.differs(name, value):
            continue
        out.info(f"Set sysctl '{name}' to {value}")
        try:
            sysctl.write(name, value)
        except sysctl.SysctlError as error:
            out.error(f"Failed to set sysctl: {error}")
