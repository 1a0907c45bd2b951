"""CNI configuration: where containerd looks for it, whether it is usable, and waiting until it is.

As containerd does, only the configuration counts: the plugins it names need not exist for the node to become ready
(exp13.log shows a ready node whose ``flannel`` plugin is nowhere to be found).
"""

import json
import os
from pathlib import Path

from runner.standin import kernel

DEFAULT_DIRECTORY = "/etc/cni/net.d"
FLANNEL_FILE = "10-flannel.conflist"
_FLANNEL_CONFLIST = {
    "name": "cbr0",
    "cniVersion": "1.0.0",
    "plugins": [
        {
            "type": "flannel",
            "delegate": {"hairpinMode": True, "forceAddress": True, "isDefaultGateway": True},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
    ],
}
_SUFFIXES = (".conf", ".conflist", ".json")
_EVENT_BUFFER = 4096


def directory(data_dir: str, flannel_backend: str) -> str:
    """The directory containerd reads: k3s's own when k3s brings flannel, else containerd's default."""
    return DEFAULT_DIRECTORY if flannel_backend == "none" else f"{data_dir}/agent/etc/cni/net.d"


def write_flannel(path: str) -> None:
    """Write flannel's configuration, as k3s does before containerd starts (so a node is ready before flannel runs)."""
    Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    Path(path, FLANNEL_FILE).write_text(json.dumps(_FLANNEL_CONFLIST, indent=2), encoding="ascii")


def configured(path: str) -> bool:
    """Whether the first configuration file, by name, is one containerd can load."""
    try:
        files = sorted(file for file in Path(path).iterdir() if file.suffix in _SUFFIXES)
        loaded = json.loads(files[0].read_text(encoding="utf-8")) if files else None
    except (OSError, ValueError):
        return False
    if not isinstance(loaded, dict) or not loaded.get("name"):
        return False
    if files[0].suffix != ".conflist":
        return bool(loaded.get("type"))
    plugins = loaded.get("plugins")
    return bool(plugins) and isinstance(plugins, list) and all(isinstance(p, dict) and p.get("type") for p in plugins)


def wait_until_configured(path: str) -> None:
    """Return once there is a usable configuration; makes the directory, as containerd does, and watches it.

    Raises:
        OSError: The directory can be neither made nor watched.
    """
    Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = kernel.watch_directory(path)
    try:
        while not configured(path):
            os.read(fd, _EVENT_BUFFER)
    finally:
        os.close(fd)
