"""What the arena's kernel can do, found out by trying: the facts that stand beside a change of outcomes.

``python -m runner.host.probes``, inside an arena that is thrown away afterwards, prints one JSON object: name -> what was
found, in the kernel's words where it refused. A table of shell lines, since each is what somebody would type to see for
themselves; the interceptor's needs come from its own probe.
"""

import json
import platform
import subprocess
import sys
from typing import Final

import attrs

from runner.host.arena_facts import inside_gvisor
from runner.intercept.probe import UnfitError, probe

PROBE_WITHIN_S: Final = 10

SYSCTLS: Final = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/pid_max",
    "kernel/keys/root_maxkeys",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_max",
)
FILES: Final = (
    "/dev/kmsg",
    "/proc/diskstats",
    "/proc/gvisor",
    "/sys/class/net",
    "/sys/fs/cgroup",
)
CONTROLLERS: Final = ("cpu", "cpuacct", "cpuset", "devices", "job", "memory", "pids")


@attrs.frozen(kw_only=True)
class Probe:
    """One thing to try.

    Attributes:
        name: In tables.
        script: For ``sh -e``, in a mount namespace of its own where that can be had; ends with 0 when it works.
    """

    name: str
    script: str


KERNEL: Final = "uname -r"
PROBES: Final = (
    *(Probe(name=f"write back /proc/sys/{name}", script=f"v=$(cat /proc/sys/{name}); echo $v > /proc/sys/{name}")
      for name in SYSCTLS),
    *(Probe(name=f"there is {path}", script=f"ls -d {path}") for path in FILES),
    *(Probe(name=f"cgroup v1 {name}", script=f"mount -t tmpfs t /mnt; mkdir /mnt/c; mount -t cgroup -o {name} c /mnt/c")
      for name in CONTROLLERS),
    Probe(name="cgroup v2", script="mount -t tmpfs t /mnt; mkdir /mnt/c; mount -t cgroup2 c /mnt/c"),
    Probe(
        name="cpuacct.usage_percpu",
        script="mount -t tmpfs t /mnt; mkdir /mnt/c; mount -t cgroup -o cpuacct c /mnt/c; cat /mnt/c/cpuacct.usage_percpu",
    ),
    # runc's library opens cgroup files with it, and without it looks whether a file is really a cgroup's.
    Probe(
        name="openat2",
        script='python3 -c "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); how = (ctypes.c_uint64 * 3)();'
        " fd = libc.syscall(437, -100, os.fsencode(os.sep), how, 24);"
        ' print(os.strerror(ctypes.get_errno())); raise SystemExit(fd < 0)"',
    ),
    Probe(name="pidfd_open", script='python3 -c "import os; os.pidfd_open(1)" 2>&1 | grep Error && exit 1; true'),
    Probe(name="mount --make-rshared /", script="mount --make-rshared /"),
    Probe(name="tmpfs over /proc/sys", script="mount -t tmpfs t /proc/sys"),
    Probe(
        name="overlay, upper on a tmpfs",
        script="mount -t tmpfs t /mnt; mkdir /mnt/u /mnt/w /mnt/m;"
        " mount -t overlay o -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /mnt/m; touch /mnt/m/new",
    ),
    Probe(
        name="overlay, upper on the root",
        script="d=/var/tmp/probe; mkdir -p $d/u $d/w $d/m;"
        " mount -t overlay o -o lowerdir=/etc,upperdir=$d/u,workdir=$d/w $d/m",
    ),
    *(Probe(name=f"unshare --{name}", script=f"unshare --{name} true")
      for name in ("mount", "net", "pid", "ipc", "uts", "cgroup", "user")),
    # What runc exec does to get into a container.
    *(Probe(name=f"nsenter --{name}", script=f"unshare --{name} sleep 5 & sleep 0.5; nsenter --{name} --target $! true")
      for name in ("mount", "net", "ipc", "uts")),
    Probe(
        name="nsenter --pid",
        script="unshare --pid --fork sleep 5 & sleep 0.5;"
        " nsenter --pid --target $(cat /proc/$!/task/$!/children) true",
    ),
    Probe(name="iptables (nft)", script="iptables-nft -L -n"),
    Probe(name="iptables (legacy) nat", script="iptables-legacy -t nat -L -n"),
    Probe(
        name="iptables (legacy) match conntrack",
        script="iptables-legacy -N probe; iptables-legacy -A probe -m conntrack --ctstate NEW -j RETURN",
    ),
    Probe(
        name="iptables (legacy) match comment",
        script="iptables-legacy -N probec; iptables-legacy -A probec -m comment --comment x -j RETURN",
    ),
    *(Probe(name=f"iptables (legacy) {what}", script=f"iptables-legacy -N {chain}; iptables-legacy -A {chain} {rule}")
      for what, chain, rule in (
          ("match mark", "probem", "-m mark --mark 1 -j RETURN"),
          ("target MARK", "probet", "-j MARK --set-mark 1"),
          ("target REJECT", "prober", "-j REJECT"),
      )),
    Probe(name="ipset", script="ipset list"),
    Probe(name="veth pair", script="ip link add pa type veth peer name pb"),
    Probe(name="bridge", script="ip link add pbr type bridge"),
    Probe(
        name="bridge hairpin",
        script="ip link add pbh type bridge; ip link add pc type veth peer name pd; ip link set pc master pbh;"
        " bridge link set dev pc hairpin on",
    ),
    Probe(name="vxlan", script="ip link add pvx type vxlan id 1 dstport 8472"),
    Probe(name="dummy device", script="ip link add pdu type dummy"),
)  # fmt: skip


def find_out() -> dict[str, str]:
    """Try everything."""
    # containerd asks for more of a kernel that calls itself newer than 4.11.
    facts = {KERNEL: platform.release()} | {one.name: _try(one) for one in PROBES}
    try:
        capabilities = probe()
    except (UnfitError, OSError) as error:
        facts["ptrace with a seccomp filter"] = str(error)
    else:
        facts["ptrace with a seccomp filter"] = "yes"
        facts["process_vm_readv"] = capabilities.facts["process_vm"]
        facts["order of seccomp and system call stops"] = capabilities.facts["stop_order"]
    return facts


def _try(one: Probe) -> str:
    # Where no mount namespace is to be had, the arena itself has to do; it is thrown away.
    shell = (
        f"unshare --mount true 2>/dev/null && exec unshare --mount sh -ec '{one.script}'; exec sh -ec '{one.script}'"
    )
    try:
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=PROBE_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {PROBE_WITHIN_S} s"
    if done.returncode == 0:
        return "yes"
    said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
    # The first line is the refusal; what follows is advice.
    return f"no: {said[0].strip()}"


if __name__ == "__main__":
    if not inside_gvisor():
        sys.exit("probes leave devices and rules behind: they are for the inside of a sandbox that is thrown away")
    sys.stdout.write(json.dumps(find_out(), indent=1) + "\n")
