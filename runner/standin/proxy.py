"""kube-proxy in iptables mode, from its check of the host to its first rules.

Order of its demands: iptables, then route_localnet, then the caches, then the jump rules. The rules it puts into the
current network namespace stay there, as kube-proxy's do: run it in a namespace of its own.
"""

from pathlib import Path

from runner.standin import registry, sysctl
from runner.standin.iptables import Iptables, IptablesError
from runner.standin.kubelet import NODES
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer

SYNC_PERIOD_S = 30
ROUTE_LOCALNET = "net/ipv4/conf/all/route_localnet"
_NEW = ("-m", "conntrack", "--ctstate", "NEW")
# Kubernetes' iptablesJumpChains: table, chain, chains it is jumped to from, comment, conditions.
_JUMPS = (
    ("filter", "KUBE-EXTERNAL-SERVICES", "INPUT", "kubernetes externally-visible service portals", _NEW),
    ("filter", "KUBE-EXTERNAL-SERVICES", "FORWARD", "kubernetes externally-visible service portals", _NEW),
    ("filter", "KUBE-NODEPORTS", "INPUT", "kubernetes health check service ports", ()),
    ("filter", "KUBE-SERVICES", "FORWARD", "kubernetes service portals", _NEW),
    ("filter", "KUBE-SERVICES", "OUTPUT", "kubernetes service portals", _NEW),
    ("filter", "KUBE-FORWARD", "FORWARD", "kubernetes forwarding rules", ()),
    ("filter", "KUBE-PROXY-FIREWALL", "INPUT", "kubernetes load balancer firewall", _NEW),
    ("filter", "KUBE-PROXY-FIREWALL", "OUTPUT", "kubernetes load balancer firewall", _NEW),
    ("filter", "KUBE-PROXY-FIREWALL", "FORWARD", "kubernetes load balancer firewall", _NEW),
    ("nat", "KUBE-SERVICES", "OUTPUT", "kubernetes service portals", ()),
    ("nat", "KUBE-SERVICES", "PREROUTING", "kubernetes service portals", ()),
    ("nat", "KUBE-POSTROUTING", "POSTROUTING", "kubernetes postrouting rules", ()),
)
# What is listed for each cache, the announcement's line number in config.go, and k3s's name for it.
_CACHES = (
    ("/registry/services/specs/", "config.go:200", "service config"),
    ("/registry/endpointslices/", "config.go:106", "endpoint slice config"),
    ("/registry/servicecidrs/", "config.go:403", "serviceCIDR config"),
    (NODES, "config.go:309", "node config"),
)


class ProxyError(Exception):
    """kube-proxy cannot start; the text is its own."""


class Proxy:
    """One node's kube-proxy."""

    def __init__(self, node: str, objects: registry.Registry, out: Printer, lifecycle: Lifecycle) -> None:
        self._node = node
        self._objects = objects
        self._out = out
        self._lifecycle = lifecycle
        self.first_pass = lifecycle.gate()

    def announce(self) -> None:
        """k3s's line with kube-proxy's flags."""
        self._out.info(
            "Running kube-proxy --cluster-cidr=10.42.0.0/16 --conntrack-max-per-core=0 "
            "--conntrack-tcp-timeout-close-wait=0s --conntrack-tcp-timeout-established=0s "
            f"--healthz-bind-address=127.0.0.1 --hostname-override={self._node} --proxy-mode=iptables"
        )

    def run(self) -> None:
        """Wait for the node, start, and keep the rules until the shutdown."""
        try:
            addresses = self._wait_for_addresses()
            if not addresses:
                return
            self._out.klog("I", "server.go:219", f'"Successfully retrieved NodeIPs" NodeIPs=["{", ".join(addresses)}"]')
            families = self._start()
            self._fill_caches()
        except (ProxyError, registry.ApiError) as error:
            self._out.klogs("E", "server.go:135", "Error running ProxyServer", err=str(error))
            self._out.plain(f"Error: {error}")
            self._lifecycle.component_exited("kube-proxy", str(error))
            return
        while True:
            for family in families:
                self._sync(family)
            self.first_pass.open()
            if self._lifecycle.stopping.wait(SYNC_PERIOD_S):
                return

    def _wait_for_addresses(self) -> list[str]:
        for node in self._objects.follow(NODES + self._node):
            status = node.get("status")
            if isinstance(status, dict):
                return [entry["address"] for entry in status["addresses"] if entry["type"] == "InternalIP"]
        return []

    def _start(self) -> list[Iptables]:
        families = self._supported()
        dual = len(families) > 1
        if dual:
            self._out.klog("I", "server.go:265", '"kube-proxy running in dual-stack mode" primary ipFamily="IPv4"')
        else:
            self._out.klogs("I", "server.go:267", "kube-proxy running in single-stack mode", ipFamily="IPv4")
        self._out.klogs("I", "server_linux.go:132", "Using iptables Proxier")
        self._out.klogs(
            "I",
            "proxier.go:242",
            "Setting route_localnet=1 to allow node-ports on localhost; to change this either disable "
            "iptables.localhostNodePorts (--iptables-localhost-nodeports) or set nodePortAddresses "
            "(--nodeport-addresses) to filter loopback addresses",
        )
        if sysctl.differs(ROUTE_LOCALNET, 1):
            try:
                sysctl.write(ROUTE_LOCALNET, 1)
            except sysctl.SysctlError as error:
                which = "ipv4 " if dual else ""
                proxier = f"unable to create {which}proxier: " if dual else ""
                raise ProxyError(
                    f"unable to create proxier: {proxier}can't set sysctl {ROUTE_LOCALNET} to 1: {error}"
                ) from error
        return families

    def _supported(self) -> list[Iptables]:
        """The families iptables works for; IPv4 must be among them."""
        working, failures = [], {}
        for family in (Iptables("IPv4"), Iptables("IPv6")):
            try:
                family.check_present()
            except IptablesError as error:
                failures[family.family] = str(error)
            else:
                working.append(family)
        if not working:
            raise ProxyError(f"iptables is not available on this host : {failures['IPv4']}")
        for site, name in (("server_linux.go:101", "IPv4"), ("server_linux.go:103", "IPv6")):
            if name in failures:
                self._out.klogs("I", site, "No iptables support for family", ipFamily=name, error=failures[name])
        if not Path("/proc/net/if_inet6").exists():
            self._out.klogs("I", "server_linux.go:113", "No kernel support for family", ipFamily="IPv6")
            working = [family for family in working if family.family == "IPv4"]
        if "IPv4" in failures:
            raise ProxyError('no support for primary IP family "IPv4"')
        return working

    def _fill_caches(self) -> None:
        for prefix, site, name in _CACHES:
            self._out.klogs("I", site, f"Starting {name} controller")
            self._out.klogs("I", "shared_informer.go:349", "Waiting for caches to sync", controller=name)
            self._objects.scan(prefix)
            self._out.klogs("I", "shared_informer.go:356", "Caches are synced", controller=name)

    def _sync(self, family: Iptables) -> None:
        """Make sure the jump rules are there; at the first refusal give up until the next period."""
        for table, chain, source, comment, conditions in _JUMPS:
            rule = (*conditions, "-m", "comment", "--comment", comment, "-j", chain)
            try:
                family.ensure_chain(table, chain)
            except IptablesError as error:
                self._out.klogs(
                    "E", "proxier.go:796", "Failed to ensure chain exists", err=str(error), table=table, chain=chain
                )
                break
            try:
                family.ensure_rule(table, source, rule)
            except IptablesError as error:
                self._out.klogs(
                    "E",
                    "proxier.go:805",
                    "Failed to ensure chain jumps",
                    err=str(error),
                    table=table,
                    srcChain=source,
                    dstChain=chain,
                )
                break
        else:
            return
        self._out.klogs("I", "proxier.go:768", "Sync failed", retryingTime=f"{SYNC_PERIOD_S}s")
