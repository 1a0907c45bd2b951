"""The ``host`` arena: plain Linux, this machine's own kernel, in namespaces of the run's own. Only ever on request.

It is the control to the gVisor arena: the same root, the same network, the same steps, and no gVisor in between. Whatever
blocks here is not gVisor's doing. Since the kernel is the machine's own, the run gets

- a copy of ``/proc/sys`` outside ``net/``, for a sysctl written there would hold for the whole machine: writes succeed and stay
  in the run, though nobody checks their values;
- cgroups below one of its own, which is the root that it sees (``cgroups``);
- no disk in ``/dev``, ``/sys`` read-only, and none of the capabilities that reach past namespaces: to load modules, to set the
  clock, to reboot. The kernel itself may load a module that a namespace asks for (iptables, vxlan), and keeps it.
"""

import sys
from pathlib import Path

import trio

from runner.arena import cgroups
from runner.arena.private_root import (
    ENVIRONMENT,
    SOURCE,
    SandboxCommand,
    on_other_filesystems,
    script,
    script_over_root,
    settings,
)

DROPPED = ("mac_admin", "mac_override", "sys_boot", "sys_module", "sys_rawio", "sys_time", "wake_alarm")
CLEAN_UP_WITHIN_S = 2.0
TOOLS = ("setpriv", "pivot_root")


def host_command(
    *, layer: Path | None, work: Path, inside: tuple[str, ...], shown: tuple[Path, ...], tmpfs_mib: int = 8192
) -> SandboxCommand:
    """Compose the command; starts nothing.

    Args:
        layer: Directory whose content is laid over the machine's root inside, or None.
        work: An empty directory of this run; inside the run's own namespace it becomes a tmpfs.
        inside: Command to run in the arena.
        shown: Paths that must be seen inside; those on another filesystem than the root are bound read-only.
        tmpfs_mib: Most that a run may write, in MiB of memory.
    """
    environment = tuple(f"{name}={value}" for name, value in ENVIRONMENT.items())
    return SandboxCommand(
        argv=(
            sys.executable,
            "-m",
            "runner.arena.guard",
            "sh",
            "-c",
            script_over_root("host.sh"),
            "runner-host",
            str(work),
            str(layer) if layer else "",
            "env",
            "-i",
            *environment,
            *inside,
        ),
        env={
            **settings(tmpfs_mib),
            "PYTHONPATH": str(SOURCE),
            "INSIDE_NETWORK": script("host_root.sh"),
            "SHOWN": "".join(f"{path}\n" for path in on_other_filesystems(shown)),
            "DROPPED": ",".join(f"-{capability}" for capability in DROPPED),
        },
    )


async def clean_up() -> None:
    """Remove the cgroups of a guard that was killed; what ran in them dies with it, some moments later."""
    found = cgroups.on_this_machine()
    with trio.CancelScope(shield=True), trio.move_on_after(CLEAN_UP_WITHIN_S):
        while not cgroups.sweep(found, 0):  # noqa: ASYNC110  nobody tells when a group becomes empty
            await trio.sleep(0.05)
