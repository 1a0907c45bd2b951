"""Looks at what mounts can do here, and does what a mount plan says. Only ever in a private mount namespace.

A namespace belongs to a thread: call :func:`enter_private_namespace` before the process starts any, so that all threads
and children share it.
"""

import os
import stat
from pathlib import Path

import attrs

from runner.intercept import libc
from runner.intercept.mount_plan import (
    Action,
    Bind,
    MakeDirectory,
    MakeLink,
    MountFacts,
    MountOverlay,
    MountPlan,
    MountTmpfs,
    RealEntry,
    WriteFile,
)
from runner.intercept.rules import Kind
from runner.intercept.view_layer import ViewError, check_view, view_kinds
from runner.intercept.world import kind_of
from runner.model.view import View

CLONE_NEWNS = 0x00020000
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2


def enter_private_namespace() -> None:
    """Make later mounts invisible outside this process and what it starts.

    Raises:
        ViewError: The kernel refuses.
    """
    try:
        libc.unshare(CLONE_NEWNS)
        libc.mount("", "/", "", MS_REC | MS_PRIVATE)
    except OSError as error:
        raise ViewError(f"no private mount namespace here: {error}; mounting needs CAP_SYS_ADMIN") from error


def look(view: View, layer: str) -> MountFacts:
    """Find out what the plan needs to know; overlays are tried out below ``layer`` and taken away again.

    Raises:
        ViewError: The view fits no arena like this one.
    """
    kinds = view_kinds(view)
    check_view(view, kinds, layer)
    entries: dict[str, tuple[RealEntry, ...]] = {}
    for tree in view.trees:
        for directory, names, files in os.walk(tree.prefix):
            entries[directory] = tuple(_entry(Path(directory, name)) for name in sorted(names + files))
    wanted = [tree.prefix for tree in view.trees]
    wanted += [
        str(Path(file.path).parent)
        for file in view.files
        if view.tree_of(file.path) is None
        and kinds[file.path] is Kind.NOTHING
        and kinds[str(Path(file.path).parent)] is Kind.DIRECTORY
    ]
    overlay = {directory: _try_overlay(directory, layer) for directory in dict.fromkeys(wanted)}
    return MountFacts(kinds=kinds, entries=entries, overlay=overlay)


def _entry(path: Path) -> RealEntry:
    try:
        mode = path.lstat().st_mode
        link = os.readlink(path) if stat.S_ISLNK(mode) else ""  # noqa: PTH115  a text, not a path to work with
    except OSError:
        return RealEntry(path.name, Kind.NOTHING)
    kind = kind_of(str(path))
    # Asked, not read off the mode: gVisor's ip_forward is 0444, and takes what root writes.
    writable = kind is Kind.FILE and os.access(path, os.W_OK)
    return RealEntry(path.name, kind, writable, link)


def _try_overlay(directory: str, layer: str) -> str:
    """Why an overlay over ``directory`` does not work, empty if it does."""
    stage = Path(layer)
    stage.mkdir(parents=True, exist_ok=True)
    try:
        libc.mount("tmpfs", layer, "tmpfs", 0, "mode=755")
    except OSError as error:
        return f"no tmpfs: {error}"
    try:
        for name in ("upper", "work", "merged"):
            (stage / name).mkdir()
        options = f"lowerdir={directory},upperdir={layer}/upper,workdir={layer}/work"
        libc.mount("overlay", f"{layer}/merged", "overlay", 0, options)
        try:
            missing = set(os.listdir(directory)) - set(os.listdir(stage / "merged"))  # noqa: PTH208  names only
        finally:
            libc.unmount(f"{layer}/merged", MNT_DETACH)
    except OSError as error:
        return str(error)
    finally:
        libc.unmount(layer, MNT_DETACH)
    # Processes come and go in /proc; only names that stay count.
    lost = sorted(name for name in missing if not name.isdigit() and os.path.lexists(f"{directory}/{name}"))
    return f"the overlay loses {lost}" if lost else ""


@attrs.frozen
class Applied:
    """Mounts that were made, in order; undone by :func:`undo`."""

    targets: tuple[str, ...]


def apply_mounts(plan: MountPlan) -> Applied:
    """Do what the plan says; if a step fails, take back the ones before.

    Raises:
        ViewError: A step failed; nothing is left mounted.
    """
    done: list[str] = []
    for action in plan.actions:
        try:
            target = _carry_out(action)
        except OSError as error:
            undo(Applied(tuple(done)))
            raise ViewError(f"{action}: {error}") from error
        if target:
            done.append(target)
    return Applied(tuple(done))


def undo(applied: Applied) -> tuple[str, ...]:
    """Unmount in reverse order, each even if another failed; what could not be undone."""
    failed = []
    for target in reversed(applied.targets):
        try:
            libc.unmount(target, MNT_DETACH)
        except OSError as error:
            failed.append(str(error))
    return tuple(failed)


def _carry_out(action: Action) -> str:
    """Do one step; the mount point if it was a mount."""
    match action:
        case MakeDirectory(path):
            Path(path).mkdir(mode=0o755, parents=True, exist_ok=True)
            return ""
        case WriteFile(path, content):
            Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            Path(path).write_text(content, encoding="utf-8")
            return ""
        case MakeLink(path, text):
            os.symlink(text, path)  # noqa: PTH211  any text, also dangling
            return ""
        case MountTmpfs(target):
            libc.mount("tmpfs", target, "tmpfs", 0, "mode=755")
            return target
        case MountOverlay(lower, upper, work, target):
            options = f"lowerdir={lower},upperdir={upper},workdir={work}"
            libc.mount("overlay", target, "overlay", 0, options)
            return target
        case Bind(source, target, recursive, apart):
            libc.mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))
            if apart:
                libc.mount("", target, "", MS_PRIVATE)
            return target
