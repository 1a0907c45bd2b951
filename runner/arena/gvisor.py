"""The ``gvisor`` arena: a gVisor sandbox over a copy-on-write view of this machine.

The sandbox's root is an overlay, mounted outside, over the machine's root: inside it is 9p, as in the sandbox of the
original series, and nothing written reaches the machine. Mounts and network live in namespaces that end with the run.

Tried and dropped: ``runsc do``. It needs iptables on the machine for its network, makes its veth pair in the machine's own
namespace (left behind by a kill), and gives no place to put the overlay.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import attrs

from runner.core.prepare import STATE_DIRECTORIES

# `--overlay2=none` keeps the root 9p: with gVisor's own overlay on top statfs says overlayfs, and that part of the story
# is not reproduced. `--ignore-cgroups`: the sandbox's own cgroups are mounted by a step, the machine's are not touched.
# `--net-raw`: iptables needs raw sockets.
RUNSC_FLAGS = ("--net-raw", "--ignore-cgroups", "--overlay2=none")
ADDRESS = "192.168.10.2"
GATEWAY = "192.168.10.1"
# The original's sandbox called itself so; k3s names its node after it.
HOSTNAME = "runsc"
# Empty inside, whatever the machine has there.
MASKED = (*STATE_DIRECTORIES, "/run")
# Seconds that a stopped run gets to undo and report before its sandbox is killed.
GRACE_S = 8
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
    " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN"
    " SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP"
)
# The directory that holds the packages runner and experiments, installed or checked out.
SOURCE = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@attrs.frozen(kw_only=True)
class SandboxCommand:
    """How to start the inside of a run in a sandbox: the command, and the environment that its script reads."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def sandbox_command(
    *,
    runsc: Path,
    platform: str,
    layer: Path | None,
    work: Path,
    inside: tuple[str, ...],
    shown: tuple[Path, ...],
    network: str = "",
    tmpfs_mib: int = 8192,
) -> SandboxCommand:
    """Compose the command; starts nothing.

    Args:
        runsc: The runsc binary.
        platform: gVisor platform, e.g. ``systrap``; empty leaves it to runsc.
        layer: Directory whose content is laid over the machine's root inside, or None.
        work: An empty directory of this run; inside the run's own namespace it becomes a tmpfs.
        inside: Command to run in the sandbox.
        shown: Paths that must be seen inside; those on another filesystem than the root are bound read-only.
        network: ``host`` lets the sandbox use the run's own network namespace without a stack of its own, for a runsc whose
            stack cannot be set up on this kernel (2022); there are no raw sockets then. Empty: gVisor's stack.
        tmpfs_mib: Most that a run may write, in MiB of memory.
    """
    chosen = ((f"--platform={platform}",) if platform else ()) + ((f"--network={network}",) if network else ())
    script = files("runner.arena").joinpath("gvisor.sh").read_text()
    unshare = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private")
    return SandboxCommand(
        argv=(
            *unshare,
            "sh",
            "-c",
            script,
            "runner-sandbox",
            str(work),
            str(layer) if layer else "",
            str(runsc),
            *RUNSC_FLAGS,
            *chosen,
        ),
        env={
            "PATH": os.environ.get("PATH", PATH),
            "BUNDLE": json.dumps(_bundle(work / "root", inside, _on_other_filesystems(shown))),
            "MASKED": " ".join(MASKED),
            "TMPFS_SIZE": f"{tmpfs_mib}m",
            "ADDRESS": ADDRESS,
            "GATEWAY": GATEWAY,
            "HOSTNAME": HOSTNAME,
            "GRACE_S": str(GRACE_S),
        },
    )


def paths_of_this_program() -> tuple[Path, ...]:
    """What the inside needs to run this same program: interpreter, environment and source."""
    candidates = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent, SOURCE]
    return tuple(dict.fromkeys(candidates))


def refused_because() -> str:
    """Why this machine cannot make a sandbox; empty when nothing speaks against it."""
    if os.geteuid() != 0:
        return "not root: the sandbox needs namespaces and mounts of its own; run it as root (sudo -E nox -s exp13)"
    missing = [tool for tool in ("unshare", "nsenter", "mount", "chroot", "cp") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not found on PATH; install util-linux and coreutils"
    return ""


def _on_other_filesystems(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Those that an overlay over "/" would not show, since it does not cross mounts."""
    root = Path("/").stat().st_dev
    elsewhere = [path for path in paths if path.exists() and path.stat().st_dev != root]
    return tuple(path for path in elsewhere if not any(other in path.parents for other in elsewhere))


def _bundle(root: Path, inside: tuple[str, ...], bound: tuple[Path, ...]) -> dict[str, object]:
    capabilities = [f"CAP_{name}" for name in CAPABILITIES.split()]
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(inside),
            "env": [f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", f"PYTHONPATH={SOURCE}"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted", "inheritable"), capabilities),
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 65536, "hard": 1048576}],
        },
        "root": {"path": str(root), "readonly": False},
        "hostname": HOSTNAME,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
            {"destination": "/dev", "type": "dev", "source": "dev"},
            *(
                {"destination": str(path), "type": "bind", "source": str(path), "options": ["ro", "rbind"]}
                for path in bound
            ),
        ],
        "linux": {
            "namespaces": [
                {"type": "pid"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "network", "path": str(root.parent / "net")},
            ]
        },
    }
