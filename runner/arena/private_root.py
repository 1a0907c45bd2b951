"""What the arenas ``gvisor`` and ``host`` have in common: a copy-on-write root and a network of their own.

The root is an overlay over the machine's, its upper layer a tmpfs, so nothing written reaches the machine; the network is one
veth end of which nothing is behind the other. All of it lives in namespaces that end with the run. The mounting and linking
itself is ``root.sh``, the first part of each arena's script; ``libraries.sh`` is the second.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import attrs

from runner.core.prepare import STATE_DIRECTORIES

ADDRESS = "192.168.10.2"
GATEWAY = "192.168.10.1"
# The original's sandbox called itself so; k3s names its node after it.
HOSTNAME = "runsc"
# Empty inside, whatever the machine has there.
MASKED = (*STATE_DIRECTORIES, "/run")
# Seconds that a stopped run gets to undo and report before its sandbox is killed.
GRACE_S = 8
# The directory that holds the packages runner and experiments, installed or checked out.
SOURCE = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a program inside sees of its environment: nothing of the machine's.
ENVIRONMENT: Mapping[str, str] = {
    "PATH": PATH,
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(SOURCE),
}
TOOLS = ("unshare", "nsenter", "mount", "chroot", "cp")


@attrs.frozen(kw_only=True)
class SandboxCommand:
    """How to start the inside of a run in a sandbox: the command, and the environment that its script reads."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def script(name: str) -> str:
    """One of the shell scripts beside this module."""
    return files("runner.arena").joinpath(name).read_text()


def script_over_root(name: str) -> str:
    """The script that makes the root, and goes on with one that starts an arena over it."""
    return script("root.sh") + script("libraries.sh") + script(name)


def settings(tmpfs_mib: int) -> dict[str, str]:
    """The variables that ``root.sh`` reads."""
    return {
        "PATH": os.environ.get("PATH", PATH),
        "MASKED": " ".join(MASKED),
        "TMPFS_SIZE": f"{tmpfs_mib}m",
        "ADDRESS": ADDRESS,
        "GATEWAY": GATEWAY,
        "HOSTNAME": HOSTNAME,
        "GRACE_S": str(GRACE_S),
    }


def paths_of_this_program() -> tuple[Path, ...]:
    """What the inside needs to run this same program: interpreter, environment and source."""
    candidates = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent, SOURCE]
    return tuple(dict.fromkeys(candidates))


def refused_because(*more_tools: str) -> str:
    """Why this machine cannot make a sandbox; empty when nothing speaks against it."""
    if os.geteuid() != 0:
        return "not root: the sandbox needs namespaces and mounts of its own; run it as root (sudo -E nox -s exp13)"
    missing = [tool for tool in (*TOOLS, *more_tools) if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not found on PATH; install util-linux and coreutils"
    return ""


def on_other_filesystems(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Those that an overlay over "/" would not show, since it does not cross mounts."""
    root = Path("/").stat().st_dev
    elsewhere = [path for path in paths if path.exists() and path.stat().st_dev != root]
    return tuple(path for path in elsewhere if not any(other in path.parents for other in elsewhere))


def run_to_its_end(
    argv: Sequence[str], env: Mapping[str, str], *, timeout_s: float | None
) -> "subprocess.CompletedProcess[str]":
    """Run an arena's command, which takes the end of its input for the end of the run, until it ends by itself.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It took longer, and was killed.
    """
    lifeline, held = os.pipe()
    try:
        return subprocess.run(
            argv,
            env=dict(env),
            stdin=lifeline,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            start_new_session=True,
        )
    finally:
        os.close(lifeline)
        os.close(held)
