"""How mounts make a view true, as a list of actions: facts in, actions out, nothing touched.

An overlay with the real directory below is the best: new names appear, real ones stay, and every spelling is right by
construction. gVisor allows it over /proc/sys; Linux does not stack an overlay on procfs, so there the directory is built
anew on a tmpfs, with every real entry bound into it. Real files that can be written are bound over the overlay as well:
otherwise the first write would copy them up, and the sysctl itself would never change.

A single file that exists is bound over. One that does not exist and cannot be created needs an overlay over its whole
directory; if even that is refused, the file is reported as not applicable. So is every file directly below ``/proc`` that
gVisor lacks (``/proc/diskstats``): an overlay there was tried. It showed the file, but the links below ``/proc/PID`` lost
their meaning: containerd no longer found ``/proc/PID/ns/pid``, called itself unhealthy, and the node never became ready.
"""

import enum
import posixpath

import attrs

from runner.intercept.rules import Kind
from runner.intercept.view_layer import check_view
from runner.model.view import View, ViewTree

PROCESSES = "/proc"
LINKS_LOST = "the links of its processes would lead nowhere"


@attrs.frozen
class RealEntry:
    """One name in a real directory."""

    name: str
    kind: Kind
    writable: bool = False
    link: str = ""


@attrs.frozen(kw_only=True)
class MountFacts:
    """What was found in the sandbox.

    Attributes:
        kinds: What is at the paths of the view and at their parents.
        entries: Real directory -> what it holds, for every directory below the trees.
        overlay: Directory -> why an overlay over it is refused, empty if it works.
    """

    kinds: dict[str, Kind]
    entries: dict[str, tuple[RealEntry, ...]]
    overlay: dict[str, str]


@attrs.frozen
class MakeDirectory:
    """Make a directory and its parents."""

    path: str


@attrs.frozen
class WriteFile:
    """Write a file, parents included."""

    path: str
    content: str = ""


@attrs.frozen
class MakeLink:
    """Make a symbolic link."""

    path: str
    text: str


@attrs.frozen
class MountTmpfs:
    """Mount an empty tmpfs."""

    target: str


@attrs.frozen
class MountOverlay:
    """Mount an overlay of ``upper`` on ``lower`` at ``target``."""

    lower: str
    upper: str
    work: str
    target: str


@attrs.frozen
class Bind:
    """Bind ``source`` over ``target``, with everything mounted below it if ``recursive``.

    ``apart`` keeps it free of what is mounted on the source later. Where mounts are shared, an overlay over /proc/sys would
    else appear over its saved copy as well, and the files bound from there would be the overlay's.
    """

    source: str
    target: str
    recursive: bool = False
    apart: bool = False


Action = MakeDirectory | WriteFile | MakeLink | MountTmpfs | MountOverlay | Bind


class How(enum.Enum):
    """Which recipe a tree or file got."""

    OVERLAY = "overlay"
    COPY = "tmpfs with live files"
    BIND = "bind"


@attrs.frozen(kw_only=True)
class MountPlan:
    """What to do, in order.

    Attributes:
        actions: Steps; undone in reverse.
        applied: Path -> recipe, for the record.
        not_applicable: Path (or ``statfs``) -> why this mechanism cannot do it here.
    """

    actions: tuple[Action, ...]
    applied: dict[str, How]
    not_applicable: dict[str, str]


def mount_plan(view: View, facts: MountFacts, layer: str) -> MountPlan:
    """The actions that make the view true.

    Args:
        view: The table.
        facts: What the sandbox has and allows.
        layer: An existing directory outside the view; a tmpfs is mounted there and holds all that is made up.

    Raises:
        ViewError: A target is missing, or the layer lies in the view.
    """
    check_view(view, facts.kinds, layer)
    actions: list[Action] = [MountTmpfs(layer)]
    actions += [MakeDirectory(layer + tree.prefix) for tree in view.trees]
    actions += [WriteFile(layer + file.path, file.content) for file in view.files if file.content is not None]
    applied: dict[str, How] = {}
    into_nothing = [file.path for file in view.files if file.content is None]
    refused = dict.fromkeys(into_nothing, "leads to no file, and a mount can only show files that are there")

    single = [file.path for file in view.files if view.tree_of(file.path) is None and file.content is not None]
    missing = [path for path in single if facts.kinds[path] is not Kind.FILE]
    covered: list[str] = []
    for tree in view.trees:
        actions += [MakeDirectory(_real(layer, tree.prefix)), Bind(tree.prefix, _real(layer, tree.prefix), apart=True)]
    for parent in dict.fromkeys(map(posixpath.dirname, missing)):
        here = [path for path in missing if posixpath.dirname(path) == parent]
        why_not = LINKS_LOST if parent == PROCESSES else facts.overlay.get(parent, "not tried")
        if why_not:
            refused |= dict.fromkeys(here, f"does not exist here, and {parent} takes no overlay: {why_not}")
            continue
        actions += _overlay(parent, layer, len(covered))
        covered.append(parent)
        applied |= dict.fromkeys(here, How.OVERLAY)

    for tree in view.trees:
        if any(tree.prefix.startswith(parent + "/") for parent in covered):
            actions += _live_files(view, tree, facts, layer)
            applied[tree.prefix] = How.OVERLAY
        elif not facts.overlay.get(tree.prefix, "not tried"):
            actions += [*_overlay(tree.prefix, layer, len(applied)), *_live_files(view, tree, facts, layer)]
            applied[tree.prefix] = How.OVERLAY
        else:
            actions += _copy(view, tree, facts, layer)
            applied[tree.prefix] = How.COPY
    bound = [path for path in single if path not in missing]
    actions += [Bind(layer + path, path) for path in bound]
    applied |= dict.fromkeys(bound, How.BIND)
    if view.statfs:
        refused["statfs"] = "mounts cannot change what statfs says; use a tracing mechanism, or an overlay as root"
    return MountPlan(actions=tuple(actions), applied=applied, not_applicable=refused)


def _overlay(target: str, layer: str, number: int) -> list[Action]:
    work = f"{layer}/.work-{number}"
    return [MakeDirectory(work), MountOverlay(target, layer + target, work, target)]


def _real(layer: str, path: str) -> str:
    """Where the real directory stays reachable once something lies over it."""
    return f"{layer}/.real{path}"


def _live_files(view: View, tree: ViewTree, facts: MountFacts, layer: str) -> list[Action]:
    """Bind real writable files over their copies-to-be in the overlay."""
    made_up = {file.path for file in view.files}
    actions: list[Action] = []
    for directory, entries in sorted(facts.entries.items()):
        if directory == tree.prefix or directory.startswith(tree.prefix + "/"):
            paths = [posixpath.join(directory, entry.name) for entry in entries if entry.writable]
            actions += [Bind(_real(layer, path), path) for path in paths if path not in made_up]
    return actions


def _copy(view: View, tree: ViewTree, facts: MountFacts, layer: str) -> list[Action]:
    """Fill the layer's directory with binds of everything real, then bind it over the tree."""
    made_up = {file.path for file in view.files}
    above = {parent for path in made_up for parent in _parents(path)}
    actions: list[Action] = []
    todo = [tree.prefix]
    while todo:
        directory = todo.pop()
        for entry in facts.entries.get(directory, ()):
            path = posixpath.join(directory, entry.name)
            if path in made_up:
                continue
            if entry.kind is Kind.DIRECTORY and path in above:
                todo.append(path)
                continue
            if entry.kind is Kind.LINK:
                actions.append(MakeLink(layer + path, entry.link))
                continue
            place = MakeDirectory if entry.kind is Kind.DIRECTORY else WriteFile
            actions += [place(layer + path), Bind(path, layer + path, recursive=True)]
    return [*actions, Bind(layer + tree.prefix, tree.prefix, recursive=True)]


def _parents(path: str) -> list[str]:
    parents = []
    while path != "/":
        path = posixpath.dirname(path)
        parents.append(path)
    return parents
