"""What the kubelet needs of the host before it registers: statistics of the root cgroup, six sysctls, a shared mount.

Each function either does what the kubelet does or raises with the kubelet's own text. The order in which the kubelet
asks is in kubelet.py.
"""

from pathlib import Path

from runner.standin import cgroups, go_text, kernel, sysctl
from runner.standin.lines import Printer

KUBELET_ROOT = "/var/lib/kubelet"
NO_STATISTICS = "unable to find data in memory cache"
# Kubernetes' table (component-helpers, sysctl.go): name and the value the kubelet wants.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


class HostError(Exception):
    """The host does not give the kubelet what it needs; the text is the kubelet's."""


def root_statistics(out: Printer) -> bool:
    """CAdvisor's housekeeping of the root container: True when there is something in its memory cache afterwards."""
    try:
        cgroups.root_usage_per_cpu()
    except cgroups.CgroupError as error:
        out.klog(
            "W", "container.go:588", f'Failed to update stats for container "/": {error}, continuing to push stats'
        )
        return False
    return True


def setup_kernel_tunables(*, protect: bool) -> None:
    """Bring the six sysctls to the wanted values.

    Args:
        protect: protect-kernel-defaults: complain about another value instead of changing it.

    Raises:
        HostError: One or more could not be read or written; several are joined in brackets.
    """
    errors = []
    for name, wanted in TUNABLES.items():
        try:
            found = sysctl.read(name)
            if found == wanted:
                continue
            if protect:
                errors.append(f"invalid kernel flag: {name}, expected value: {wanted}, actual value: {found}")
            else:
                sysctl.write(name, wanted)
        except sysctl.SysctlError as error:
            errors.append(str(error))
    if errors:
        raise HostError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")


def share_kubelet_root() -> None:
    """Make KUBELET_ROOT a shared mount, in a mount namespace of the calling thread's own.

    Must be called in a thread that does nothing else and then ends: that undoes it.

    Raises:
        HostError: The kernel refuses.
    """
    try:
        Path(KUBELET_ROOT).mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(
            f"error creating root directory: {go_text.path_error('mkdir', error.filename or KUBELET_ROOT, error)}"
        ) from error
    if _is_shared(KUBELET_ROOT):
        return
    failed = "error configuring root directory"
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
    except OSError as error:
        reason = go_text.errno_text(error.errno or 0)
        raise HostError(f"{failed}: failed to bind-mount {KUBELET_ROOT}: {reason}") from error
    try:
        kernel.mount("none", "/", kernel.MS_REC | kernel.MS_PRIVATE)
    except OSError as error:
        # Without it the bind mount could spread to the machine. Old gVisor refuses it, and has nowhere to spread to.
        if not kernel.in_gvisor():
            raise HostError(f"{failed}: {go_text.path_error('mount', '/', error)}") from error
    for flags, what in (
        (kernel.MS_BIND, f"failed to bind-mount {KUBELET_ROOT}"),
        (kernel.MS_SHARED | kernel.MS_REC, f"failed to make {KUBELET_ROOT} rshared"),
    ):
        try:
            kernel.mount(KUBELET_ROOT, KUBELET_ROOT, flags)
        except OSError as error:
            raise HostError(f"{failed}: {what}: {go_text.errno_text(error.errno or 0)}") from error


def _is_shared(path: str) -> bool:
    """Whether the mount a path lies on is shared; the last one that covers it counts."""
    shared = False
    for fields in cgroups.mountinfo():
        mount_point = fields[4].rstrip("/")
        if path == mount_point or path.startswith(mount_point + "/"):
            shared = any(field.startswith("shared:") for field in fields[6 : fields.index("-")])
    return shared
