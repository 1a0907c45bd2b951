"""The ``gvisor`` arena: a gVisor sandbox over a copy-on-write view of this machine.

The sandbox's root is an overlay, mounted outside, over the machine's root: inside it is 9p, as in the sandbox of the
original series, and nothing written reaches the machine. Mounts and network live in namespaces that end with the run.

Tried and dropped: ``runsc do``. It needs iptables on the machine for its network, makes its veth pair in the machine's own
namespace (left behind by a kill), and gives no place to put the overlay.
"""

import json
from pathlib import Path

from runner.arena.private_root import (
    ENVIRONMENT,
    HOSTNAME,
    SandboxCommand,
    on_other_filesystems,
    script_over_root,
    settings,
)

# `--overlay2=none` keeps the root 9p: with gVisor's own overlay on top statfs says overlayfs, and that part of the story
# is not reproduced. `--ignore-cgroups`: the sandbox's own cgroups are mounted by a step, the machine's are not touched.
# `--net-raw`: iptables needs raw sockets.
RUNSC_FLAGS = ("--net-raw", "--ignore-cgroups", "--overlay2=none")
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
    " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN"
    " SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP"
)


def sandbox_command(
    *,
    runsc: Path,
    platform: str,
    layer: Path | None,
    work: Path,
    inside: tuple[str, ...],
    shown: tuple[Path, ...],
    network: str = "",
    reachable: bool = False,
    tmpfs_mib: int = 8192,
    options: tuple[str, ...] = (),
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
        reachable: Give the far end of the sandbox's link the gateway's address, so that a socket of the starter's network
            namespace gets in. Nothing gets out by it: that namespace leads nowhere.
        tmpfs_mib: Most that a run may write, in MiB of memory.
        options: More flags of runsc's own.
    """
    chosen = ((f"--platform={platform}",) if platform else ()) + ((f"--network={network}",) if network else ())
    unshare = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private")
    return SandboxCommand(
        argv=(
            *unshare,
            "sh",
            "-c",
            script_over_root("gvisor.sh"),
            "runner-sandbox",
            str(work),
            str(layer) if layer else "",
            str(runsc),
            *RUNSC_FLAGS,
            *chosen,
            *options,
        ),
        env={
            **settings(tmpfs_mib),
            "REACHABLE": "yes" if reachable else "",
            "BUNDLE": json.dumps(_bundle(work / "root", inside, on_other_filesystems(shown))),
        },
    )


def _bundle(root: Path, inside: tuple[str, ...], bound: tuple[Path, ...]) -> dict[str, object]:
    capabilities = [f"CAP_{name}" for name in CAPABILITIES.split()]
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(inside),
            "env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
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
