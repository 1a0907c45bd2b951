"""Applies one step at a time and remembers how to undo it.

Undoing runs in reverse order, and every undo runs even if another failed: a half-restored file must not keep the rest
from being restored. Each application looks at the thing it changed afterwards, so that "applied" is an observation.
"""

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

import attrs

from runner.host import mounts
from runner.host.images import busybox_archive
from runner.model.events import StepOutcome
from runner.model.step import (
    AnyStep,
    BindMount,
    CgroupMount,
    CniPlugin,
    Environment,
    ImagePreload,
    Manifest,
    MountPropagation,
    NetworkDevice,
    Supervise,
    Symlink,
    TmpfsMount,
    WorkloadFlag,
    WriteFile,
)

PROPAGATION = {"rshared": mounts.MS_SHARED, "rslave": mounts.MS_SLAVE, "rprivate": mounts.MS_PRIVATE}


@attrs.frozen(kw_only=True)
class Applied:
    """What one application found and did.

    Attributes:
        outcome: ``applied`` or ``already-there``.
        verified: What was seen afterwards.
    """

    outcome: StepOutcome
    verified: str


class Steps:
    """Applied steps with their undos, last one first."""

    def __init__(self) -> None:
        self._undos: list[tuple[str, Callable[[], object]]] = []

    def apply(self, step: AnyStep) -> Applied:
        """Apply one step.

        Raises:
            OSError: The arena refuses; what the step had done so far stays on the list of undos.
        """
        match step:
            case WriteFile(path=path, content=content, mode=mode):
                self._write(step.id, Path(path), content, mode)
                return Applied(outcome="applied", verified=f"{path} has {len(content)} bytes")
            case CniPlugin(path=path, script=script):
                self._write(step.id, Path(path), script, 0o755)
                return Applied(outcome="applied", verified=f"{path} is executable")
            case Symlink(links=links):
                for link in links:
                    self._link(step.id, Path(link.path), link.target)
                first = links[0]
                return Applied(outcome="applied", verified=f"{first.path} -> {Path(first.path).readlink()}")
            case BindMount(source=source, target=target):
                self._bind(step.id, Path(source), Path(target))
                return Applied(outcome="applied", verified=_same_file(source, target))
            case TmpfsMount(target=target, size_mib=size):
                self._make_directory(step.id, Path(target))
                mounts.mount("tmpfs", target, "tmpfs", data=f"size={size}m" if size else "")
                self._remember(step.id, lambda: mounts.unmount(target))
                return Applied(outcome="applied", verified=f"{target} is a mount point")
            case CgroupMount():
                return self._cgroups(step)
            case MountPropagation(target=target, propagation=propagation):
                mounts.mount("none", target, flags=mounts.MS_REC | PROPAGATION[propagation])
                return Applied(outcome="applied", verified=f"{target} is {propagation}")
            case NetworkDevice(name=name, address=address, routes=routes):
                self._device(step.id, name, address, routes)
                return Applied(outcome="applied", verified=_ip("-brief", "address", "show", "dev", name))
            case Environment(name=name, value=value):
                return Applied(outcome="applied", verified=f"{name} has {value}")
            case Supervise(restarts=restarts):
                # The launcher is told; that it was at work, the log shows.
                return Applied(outcome="applied", verified=f"started again at most {restarts} times")
            case WorkloadFlag(flags=flags):
                return Applied(outcome="applied", verified=" ".join(flags))
            case ImagePreload(name=name, command=command, program=program, directory=directory):
                archive = busybox_archive(name, command, program)
                file = Path(directory) / (name.replace("/", "_").replace(":", "_") + ".tar")
                self._write(step.id, file, archive, 0o644)
                return Applied(outcome="applied", verified=f"{file} has {len(archive)} bytes")
            case Manifest():
                # Nothing can be created before there is an API; the cluster client says when it was.
                return Applied(outcome="applied", verified="")
            case _:
                assert_never(step)

    def undo(self) -> list[tuple[str, str]]:
        """Undo everything, last change first.

        Returns:
            (step id, error) for each id: the error is empty when all of the step's changes were undone.
        """
        errors: dict[str, list[str]] = {}
        while self._undos:
            name, undo = self._undos.pop()
            failed = errors.setdefault(name, [])
            try:
                undo()
            except OSError as error:
                failed.append(str(error))
        return [(name, "; ".join(failed)) for name, failed in errors.items()]

    def _remember(self, name: str, undo: Callable[[], object]) -> None:
        self._undos.append((name, undo))

    def _make_directory(self, name: str, path: Path) -> None:
        missing = [parent for parent in (path, *path.parents) if not parent.exists()]
        for directory in reversed(missing):
            directory.mkdir()
            self._remember(name, lambda directory=directory: _remove_if_empty(directory))  # type: ignore[misc]

    def _set_aside(self, name: str, path: Path) -> None:
        """Move what stands at ``path`` away, and remember to bring it back."""
        if not os.path.lexists(path):
            self._remember(name, lambda: path.unlink(missing_ok=True))
            return
        kept = path.with_name(f"{path.name}.runner-kept")
        if os.path.lexists(kept):
            # An earlier run in this arena was killed before it could undo: the oldest copy is the real one.
            path.unlink()
        else:
            path.rename(kept)
        self._remember(name, lambda: _put_back(kept, path))

    def _write(self, name: str, path: Path, content: str | bytes, mode: int) -> None:
        self._make_directory(name, path.parent)
        self._set_aside(name, path)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def _link(self, name: str, path: Path, target: str) -> None:
        if not Path(target).exists():
            raise FileNotFoundError(2, f"the link's target is missing, so {path} would point nowhere", target)
        self._make_directory(name, path.parent)
        self._set_aside(name, path)
        path.symlink_to(target)

    def _bind(self, name: str, source: Path, target: Path) -> None:
        if not target.exists():
            if source.is_dir():
                self._make_directory(name, target)
            else:
                self._make_directory(name, target.parent)
                target.touch()
                self._remember(name, target.unlink)
        mounts.mount(str(source), str(target), flags=mounts.MS_BIND)
        self._remember(name, lambda: mounts.unmount(str(target)))

    def _device(self, name: str, device: str, address: str, routes: tuple[str, ...]) -> None:
        # A bridge without ports: gVisor has no dummy devices. Its routes go with it.
        _ip("link", "add", device, "type", "bridge")
        self._remember(name, lambda: _ip("link", "del", device))
        _ip("address", "add", address, "dev", device)
        _ip("link", "set", device, "up")
        for route in routes:
            _ip("route", "add", route, "dev", device)

    def _cgroups(self, step: CgroupMount) -> Applied:
        target = Path(step.target)
        if any(entry.fstype == "cgroup2" and entry.target == step.target for entry in mounts.mount_table()):
            # Plain Linux of today. The kernel gives a controller to one version alone, so none is left for version 1.
            return Applied(outcome="already-there", verified=f"{target} is the unified hierarchy")
        present = {Path(entry.target).name for entry in mounts.mount_table() if entry.fstype == "cgroup"}
        missing = [controller for controller in step.controllers if controller not in present]
        if not missing:
            return Applied(
                outcome="already-there", verified=f"{len(step.controllers)} controllers were mounted already"
            )
        if not present:
            self._make_directory(step.id, target)
            mounts.mount("cgroup", str(target), "tmpfs", data="mode=755")
            self._remember(step.id, lambda: mounts.unmount(str(target)))
        mounted, refused = [], []
        for controller in missing:
            directory = target / controller
            directory.mkdir(exist_ok=True)
            try:
                mounts.mount("cgroup", str(directory), "cgroup", data=controller)
            except OSError as error:
                # gVisor of 2022 has no devices controller, later ones no job: one less is not a failed step.
                refused.append(f"{controller} ({error.strerror})")
                directory.rmdir()
                continue
            self._remember(step.id, lambda directory=directory: mounts.unmount(str(directory)))  # type: ignore[misc]
            mounted.append(controller)
        there = [controller for controller in step.controllers if controller in present]
        if not mounted and not there:
            raise OSError(22, f"no cgroup controller could be mounted: {', '.join(refused)}", str(target))
        note = f"; refused: {', '.join(refused)}" if refused else ""
        if not mounted:
            return Applied(outcome="already-there", verified=f"mounted already: {', '.join(there)}{note}")
        return Applied(outcome="applied", verified=f"mounted {', '.join(mounted)}{note}")


def _same_file(source: str, target: str) -> str:
    one, two = os.stat(source), os.stat(target)  # noqa: PTH116  the numbers are compared, not the path
    same = (one.st_ino, one.st_rdev, stat.S_IFMT(one.st_mode)) == (two.st_ino, two.st_rdev, stat.S_IFMT(two.st_mode))
    if not same:
        raise OSError(5, f"bound {source}, but the target still shows something else", target)
    return f"{target} shows {source}"


def free_bytes(path: Path) -> int:
    """Free space of the filesystem that ``path`` lies on, in bytes."""
    return shutil.disk_usage(path).free


def _ip(*words: str) -> str:
    """One call of ip(8); what it says.

    Raises:
        OSError: It refuses, or is not there.
    """
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(5, f"ip {' '.join(words)}: {done.stderr.strip()}")
    return " ".join(done.stdout.split())


def _remove_if_empty(directory: Path) -> None:
    """Take back a directory that was made for a file, unless the workload has put files of its own into it."""
    try:
        directory.rmdir()
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise


def _put_back(kept: Path, path: Path) -> None:
    kept.replace(path)
