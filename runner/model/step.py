"""The kinds of steps: a closed set; whoever handles one uses ``match`` and ends in ``assert_never``."""

from typing import Literal

import attrs

from runner.model.check import absolute_path, identifier, not_empty, slug
from runner.model.kinds import EVERY_WORKLOAD, WorkloadKind


@attrs.frozen(kw_only=True)
class Step:
    """One reversible change to the arena; only its kinds below are ever used.

    Attributes:
        id: Name in results and for ``--without``.
        reason: Why the workload needs it.
        holds_back: Ids of the fatal blockers that appear when the step is left out; empty when none is known to.
        workloads: Kinds of workload that it is for; others run without it, and the result says so.
    """

    id: str = attrs.field(validator=slug)
    reason: str = attrs.field(validator=not_empty)
    holds_back: tuple[str, ...] = ()
    workloads: tuple[WorkloadKind, ...] = EVERY_WORKLOAD


@attrs.frozen(kw_only=True)
class WriteFile(Step):
    """Put a file in place; what stood there comes back at the undo."""

    path: str = attrs.field(validator=absolute_path)
    content: str
    mode: int = 0o644


@attrs.frozen(kw_only=True)
class Link:
    """One symbolic link: ``path`` points to ``target``."""

    path: str = attrs.field(validator=absolute_path)
    target: str = attrs.field(validator=absolute_path)


@attrs.frozen(kw_only=True)
class Symlink(Step):
    """Put symbolic links in place; each target must exist, and what stood at a path comes back at the undo."""

    links: tuple[Link, ...]


@attrs.frozen(kw_only=True)
class BindMount(Step):
    """Bind ``source`` over ``target``; a missing target is created as an empty file or directory of the source's kind."""

    source: str = attrs.field(validator=absolute_path)
    target: str = attrs.field(validator=absolute_path)


@attrs.frozen(kw_only=True)
class TmpfsMount(Step):
    """Mount an empty tmpfs on ``target``, which is created if missing."""

    target: str = attrs.field(validator=absolute_path)
    size_mib: int | None = None


@attrs.frozen(kw_only=True)
class CgroupMount(Step):
    """Mount cgroup v1 hierarchies below ``target`` where the arena lacks them; mounted ones are left as they are."""

    target: str = attrs.field(default="/sys/fs/cgroup", validator=absolute_path)
    controllers: tuple[str, ...]


@attrs.frozen(kw_only=True)
class MountPropagation(Step):
    """Change the propagation of the mounts at and below ``target``."""

    target: str = attrs.field(default="/", validator=absolute_path)
    propagation: Literal["rshared", "rslave", "rprivate"] = "rshared"


@attrs.frozen(kw_only=True)
class Environment(Step):
    """Set a variable of the workload's environment, or put a directory in front of a search path."""

    name: str = attrs.field(validator=identifier)
    value: str
    prepend: bool = False


@attrs.frozen(kw_only=True)
class CniPlugin(Step):
    """An executable script at ``path``, whose directory comes first on the workload's PATH."""

    path: str = attrs.field(validator=absolute_path)
    script: str


@attrs.frozen(kw_only=True)
class NetworkDevice(Step):
    """A network device that leads nowhere, with an address of the node and routes that make it the source of traffic.

    Attributes:
        name: Of the device, at most 15 characters.
        address: With the length of its prefix, e.g. ``10.42.0.1/32``.
        routes: Destinations, with the lengths of their prefixes.
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9]{0,14}"))
    address: str = attrs.field(validator=not_empty)
    routes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class WorkloadFlag(Step):
    """Flags of the workload's command line, in order.

    Attributes:
        flags: Each as it is passed, e.g. ``--snapshotter=native``.
    """

    flags: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ImagePreload(Step):
    """Put a container image where k3s imports it from at its start: a static busybox, and at most one program more.

    Attributes:
        name: Reference that pods use, with registry and tag, e.g. ``docker.io/local/busybox:1``.
        command: What a container of it runs unless its pod says otherwise.
        program: Name of a program that is supplied for it; in a plan, its path. It lies in the image's ``/bin``.
        directory: Where archives are imported from.
    """

    name: str = attrs.field(validator=not_empty)
    command: tuple[str, ...]
    program: str = ""
    directory: str = attrs.field(default="/var/lib/rancher/k3s/agent/images", validator=absolute_path)


@attrs.frozen(kw_only=True)
class Manifest(Step):
    """Create objects through the API once the node is registered.

    Attributes:
        objects: Each one JSON document, with ``apiVersion`` and ``kind``.
        serves: Whether they serve whoever uses the cluster, and are not there to be asked by assertions.
    """

    objects: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    serves: bool = False


@attrs.frozen(kw_only=True)
class Supervise(Step):
    """Start the workload again when it ends by itself, as a service manager would.

    Attributes:
        restarts: At most so many times.
        survives: Ids of the fatal blockers that do not end the run any more, because the workload is started again after them.
    """

    restarts: int = attrs.field(validator=attrs.validators.ge(1))
    survives: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))


AnyStep = (
    WriteFile
    | Symlink
    | BindMount
    | TmpfsMount
    | CgroupMount
    | MountPropagation
    | Environment
    | CniPlugin
    | NetworkDevice
    | WorkloadFlag
    | ImagePreload
    | Manifest
    | Supervise
)
