"""The command line: those of k3s server's flags whose effect the stand-in models, and k3s's answer to all others.

A flag that is taken and then ignored would make a run look like an experiment that it is not, so the list is short.
Flags that only choose what a cluster contains (--disable, --snapshotter) are known to have no bearing on the walk and
are taken.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

FLANNEL_BACKENDS = ("none", "vxlan")

HELP = """NAME:
   k3s-standin server - Walk the start-up of a k3s server in miniature (stand-in of k3s, not k3s)

USAGE:
   k3s-standin server [OPTIONS]

OPTIONS:
   --data-dir value, -d value             Folder to hold state (default: /var/lib/rancher/k3s)
   --disable value                        Do not deploy packaged components (accepted: nothing is ever deployed)
   --disable-agent                        Do not run a local agent and register a local kubelet
   --flannel-backend value                Backend (valid values: 'none', 'vxlan') (default: "vxlan")
   --kubelet-arg value                    Customized flag for kubelet process
   --node-name value                      Node name (default: the host name)
   --snapshotter value                    Containerd snapshotter (accepted: there is no containerd)
   --write-kubeconfig value, -o value     Write kubeconfig for admin client to this file
   --write-kubeconfig-mode value          Write kubeconfig with this mode (default: 600)
   --help, -h                             Show help
"""


class UsageError(Exception):
    """The command line is wrong; the text is what k3s would print after "Error: "."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What the command line asks for.

    Attributes:
        data_dir: Folder of all state, absolute.
        flannel_backend: One of FLANNEL_BACKENDS.
        kubelet_args: Flags for the kubelet, name without dashes to value, as given.
        disable_agent: Only the control plane runs: no cgroup check, kubelet, kube-proxy or flannel.
        node_name: Name of the node, or "" for the host's.
        kubeconfig: File the admin's kubeconfig goes to.
        kubeconfig_mode: Its permission bits.
    """

    data_dir: str = "/var/lib/rancher/k3s"
    flannel_backend: str = "vxlan"
    kubelet_args: dict[str, str] = dataclasses.field(default_factory=dict)
    disable_agent: bool = False
    node_name: str = ""
    kubeconfig: str = "/etc/rancher/k3s/k3s.yaml"
    kubeconfig_mode: int = 0o600


def parse(args: Sequence[str]) -> Config | None:
    """The configuration the arguments describe, or None when help is asked for.

    Raises:
        UsageError: An unknown flag, a missing or a bad value; nothing has been done yet.
    """
    config = Config()
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            continue  # k3s takes stray words without a murmur, and so does this
        name, equals, value = word.lstrip("-").partition("=")
        if name in ("help", "h"):
            return None
        if name == "disable-agent":
            config = dataclasses.replace(config, disable_agent=_boolean(name, value if equals else "true"))
            continue
        apply = _APPLY.get(name)
        if apply is None:
            raise UsageError(f"flag provided but not defined: -{name}")
        if not equals:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        config = apply(config, value)
    return config


def _boolean(name: str, value: str) -> bool:
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise UsageError(f'invalid boolean value "{value}" for -{name}: parse error')


def _data_dir(config: Config, value: str) -> Config:
    if not PurePosixPath(value).is_absolute():
        raise UsageError(f'invalid value "{value}" for flag -data-dir: the stand-in wants an absolute path')
    return dataclasses.replace(config, data_dir=value.rstrip("/") or "/")


def _flannel_backend(config: Config, value: str) -> Config:
    if value not in FLANNEL_BACKENDS:
        raise UsageError(f"unable to parse flannel backend '{value}': the stand-in knows {', '.join(FLANNEL_BACKENDS)}")
    return dataclasses.replace(config, flannel_backend=value)


def _kubelet_arg(config: Config, value: str) -> Config:
    name, equals, argument = value.lstrip("-").partition("=")
    return dataclasses.replace(config, kubelet_args={**config.kubelet_args, name: argument if equals else "true"})


def _kubeconfig_mode(config: Config, value: str) -> Config:
    try:
        mode = int(value, 8)
    except ValueError as error:
        raise UsageError(f'invalid value "{value}" for flag -write-kubeconfig-mode: not an octal mode') from error
    return dataclasses.replace(config, kubeconfig_mode=mode)


def _no_bearing(config: Config, _value: str) -> Config:
    return config


_APPLY: dict[str, Callable[[Config, str], Config]] = {
    "data-dir": _data_dir,
    "d": _data_dir,
    "disable": _no_bearing,
    "flannel-backend": _flannel_backend,
    "kubelet-arg": _kubelet_arg,
    "node-name": lambda config, value: dataclasses.replace(config, node_name=value),
    "snapshotter": _no_bearing,
    "write-kubeconfig": lambda config, value: dataclasses.replace(config, kubeconfig=value),
    "o": lambda config, value: dataclasses.replace(config, kubeconfig=value),
    "write-kubeconfig-mode": _kubeconfig_mode,
}
