"""A host for the stand-in: private mount and network namespaces in which each thing it asks for can be there or not.

Every case covers /proc/sys, /dev, /etc, /run and /var/lib with file systems of its own before anything is started, so the
machine cannot change. Programs the stand-in runs (iptables) are scripts, whose answers it has to pass on.
"""

import dataclasses
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests" / "logs"
NODE, ADDRESS = "vm", "192.168.10.2"  # as in the recorded logs
TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_IPTABLES = {
    "works": '[ "$1" = --version ] && echo "iptables v1.8.9 (legacy)"\nexit 0',
    "nft": "echo 'iptables: Failed to initialize nft: Protocol not supported' >&2\nexit 1",
}
_MASKS = (
    (re.compile(r'time="[^"]*"'), 'time="T"'),
    (re.compile(r"\b([IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ ([\w.]+\.go):\d+\]"), r"\1 \2]"),
    (re.compile(r'"ts":"[^"]*"'), '"ts":"T"'),
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"started: [^)]*\)"), "started: T)"),
    (re.compile(r'(total time: |duration=)"?[0-9.]+[mµn]?s"?'), r"\1D"),
)


def mask(text: str) -> str:
    """A line without what differs between two runs: times, process, line in the Go source, addresses in memory."""
    for pattern, shown in _MASKS:
        text = pattern.sub(shown, text)
    return text


def real_line(log: str, needle: str, *, more: int = 0) -> str:
    """The first line of a recorded log that contains the needle, and as many lines after it as asked for."""
    lines = gzip.decompress((LOGS / f"{log}.log.gz").read_bytes()).decode().split("\n")
    index = next(number for number, line in enumerate(lines) if needle in line)
    return "\n".join(lines[index : index + 1 + more])


def why_not() -> str | None:
    """Why no such host can be made here, or None."""
    if os.geteuid() != 0:
        return "needs root for mount and network namespaces"
    missing = [name for name in ("unshare", "nsenter", "ip", "mount", "setpriv") if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    made = subprocess.run(["unshare", "-m", "-n", "true"], capture_output=True, check=False)
    if made.returncode:
        return f"cannot make namespaces: {made.stderr.decode().strip()}"
    if " - cgroup" not in Path("/proc/self/mountinfo").read_text():
        return "this machine has no cgroup hierarchy to hide"
    return None


def has_vxlan() -> bool:
    """Whether this kernel makes vxlan devices, asked with another program."""
    command = ["unshare", "-n", "ip", "link", "add", "probe", "type", "vxlan", "id", "1", "dstport", "8472"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def has_cpuacct() -> bool:
    """Whether cpuacct is mounted as a hierarchy of version 1, with the file cAdvisor wants."""
    return Path("/sys/fs/cgroup/cpuacct/cpuacct.usage_percpu").exists()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Host:
    """What the stand-in will find; the defaults leave nothing to be desired.

    Attributes:
        cgroups: The cgroup hierarchy is mounted.
        usage_percpu: The root of cpuacct has that file.
        host_local: It is on PATH.
        kmsg: /dev/kmsg is there (as /dev/null).
        sysctls: Files below /proc/sys and their contents.
        net_sysctls: /proc/sys/net/ipv4/conf has directories in which files can be made.
        iptables: What the command of that name does; None: there is none.
        route: There is a default route.
        datastore_kib: Size of the file system of the data directory.
        without_capability: Dropped before the start.
    """

    cgroups: bool = True
    usage_percpu: bool = True
    host_local: bool = True
    kmsg: bool = True
    sysctls: dict[str, str] = dataclasses.field(default_factory=lambda: dict(TUNABLES))
    net_sysctls: bool = True
    iptables: Literal["works", "nft"] | None = "works"
    route: bool = True
    datastore_kib: int = 16384
    without_capability: str | None = None

    def start(self, folder: Path, *flags: str) -> "StandIn":
        """Make the host and start the stand-in in it; its data directory is ``folder/data``."""
        programs = folder / "bin"
        for made in (programs, folder / "data"):
            made.mkdir(exist_ok=True)
        if self.host_local:
            program(programs / "host-local", "exit 0")
        if self.iptables is not None:
            for name in ("iptables", "ip6tables"):
                program(programs / name, _IPTABLES[self.iptables])
        python = shlex.join([sys.executable, "-m", "runner.standin", "server", f"--data-dir={folder}/data"])
        drop = f"setpriv --bounding-set=-{self.without_capability} " if self.without_capability else ""
        lines = [*self._mounts(folder), *self._network()]
        lines.append(f"exec {drop}/usr/bin/env PATH={programs} {python} --node-name={NODE} {shlex.join(flags)}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            ["unshare", "-m", "-n", "sh", "-ec", "\n".join(lines)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        return StandIn(process)

    def _mounts(self, folder: Path) -> Iterator[str]:
        yield "mount --make-rprivate /"
        yield f"mount -t tmpfs -o size={self.datastore_kib}k tmpfs {folder}/data"
        for path in ("/proc/sys", "/var/lib", "/etc", "/run", "/dev"):
            yield f"mount -t tmpfs tmpfs {path}"
        for minor, name in ((3, "null"), (5, "zero"), (9, "urandom")):
            yield f"mknod -m 666 /dev/{name} c 1 {minor}"
        if self.kmsg:
            yield "ln -s null /dev/kmsg"
        for name, value in self.sysctls.items():
            yield f"mkdir -p /proc/sys/{Path(name).parent}; echo {value} > /proc/sys/{name}"
        if self.net_sysctls:
            yield "mkdir -p /proc/sys/net/ipv4/conf/all /proc/sys/net/ipv4/conf/default"
        if not self.usage_percpu:
            yield "mount -t tmpfs tmpfs /sys/fs/cgroup/cpuacct"
        if not self.cgroups:
            yield "umount -l -R /sys/fs/cgroup"

    def _network(self) -> Iterator[str]:
        yield "ip link set lo up"
        yield "ip link add e0 type veth peer name e1"
        yield f"ip addr add {ADDRESS}/24 dev e0"
        yield "ip link set e0 up; ip link set e1 up"
        if self.route:
            yield "ip route add default via 192.168.10.1"


class StandIn:
    """A running stand-in and what it has printed; standard output and error together."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        """All it has printed so far."""
        return "\n".join(self.lines)

    @property
    def masked(self) -> str:
        """All it has printed so far, comparable with another run."""
        return mask(self.text)

    def until(self, needle: str) -> None:
        """Read on to a line that contains the needle; the test fails if it ends before."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if needle in line:
                return
        pytest.fail(f"ended without {needle!r}:\n{self.text}")

    def exit_code(self) -> int:
        """Read to the end and wait for it."""
        assert self._process.stdout is not None
        self.lines += [line.rstrip("\n") for line in self._process.stdout]
        return self._process.wait()

    def terminate(self) -> int:
        """Send SIGTERM and wait for the end; returns the exit code."""
        self._process.terminate()
        return self.exit_code()

    def kill(self) -> None:
        """End it in any case; for the fixture."""
        self._process.kill()
        self._process.communicate()

    def inside(self, path: str) -> Path:
        """A path as the stand-in sees it."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def run(self, *command: str) -> str:
        """Run a program of the machine in the stand-in's network; returns what it prints."""
        network = f"--net=/proc/{self._process.pid}/ns/net"
        return subprocess.run(["nsenter", network, *command], capture_output=True, text=True, check=True).stdout

    def get(self, path: str) -> str:
        """Status and body of a GET request to the API server."""
        code = (
            "import http.client, sys\n"
            "link = http.client.HTTPConnection('127.0.0.1', 6443)\n"
            "link.request('GET', sys.argv[1])\n"
            "answer = link.getresponse()\n"
            "print(answer.status, answer.read().decode())\n"
            "link.close()\n"
        )
        return self.run(sys.executable, "-c", code, path)


def program(path: Path, body: str) -> None:
    """Write an executable shell script; complete and executable from the moment it has its name."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(f"#!/bin/sh\n{body}\n")
    temporary.chmod(0o755)
    temporary.replace(path)
