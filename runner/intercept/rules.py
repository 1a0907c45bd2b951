"""What happens to an access: the view's semantics, on strings, knowing neither system calls nor processes.

For a path below a tree: what the layer has is served from the layer; what only the sandbox has is left alone; what nobody
has goes to the layer if the call would create it. A directory that both have is left alone, and its listing is completed
(:mod:`runner.intercept.listing`), so that it stays the real directory for everything else. A single file is served from
the layer. Nothing hides a real name: removing a file from the layer uncovers the real one (an overlay would remember).

Most calls have nothing to do with the view. :meth:`Rules.screen` tells from the string alone which these are.
"""

import enum
import posixpath
from typing import Protocol

import attrs

from runner.intercept.resolve import lexically
from runner.model.view import View


class Kind(enum.Enum):
    """What is found at a path."""

    NOTHING = "nothing"
    FILE = "file"  # anything that is neither directory nor link
    LINK = "link"
    DIRECTORY = "directory"
    BELOW_A_FILE = "below-a-file"  # a component in front is no directory


class Places(Protocol):
    """What the rules may ask about the world; answers are facts of the moment."""

    def in_layer(self, path: str) -> Kind:
        """What the layer has for ``path``, links not followed."""

    def really(self, path: str) -> Kind:
        """What the sandbox itself has at ``path``, links not followed."""


class Screening(enum.Enum):
    """How much a path has to be looked at."""

    NO = "no"  # cannot concern the view
    PLAIN = "plain"  # below a target, spelt so that no link can matter
    LAST = "last"  # only a link at the end could lead to a target
    WALK = "walk"  # must be resolved, component by component


class Where(enum.Enum):
    """Which file a call is to get."""

    AS_NAMED = "as-named"
    LAYER = "layer"
    LAYER_NEW = "layer-new"  # the parent may have to be made first
    REAL = "real"  # named through the layer, but only the sandbox has it


@attrs.frozen
class Rules:
    """A view, compiled for matching.

    Attributes:
        trees: Prefixes, without trailing slash.
        files: Single files outside the trees.
        observed: Paths to report only.
        layer: Directory of the materialised view.
        names: Last components that can belong to the view, for paths that reach it through links; programs that make files
            in it add theirs.
        parents: Directories whose listing can differ from the real one, other than those below trees.
    """

    trees: tuple[str, ...]
    files: frozenset[str]
    observed: frozenset[str]
    layer: str
    names: set[str]
    parents: frozenset[str]
    _below: tuple[str, ...] = attrs.field(
        init=False, default=attrs.Factory(lambda self: tuple(tree + "/" for tree in self.trees), takes_self=True)
    )

    def in_tree(self, path: str) -> bool:
        """Whether ``path`` is a tree's prefix or below one."""
        return path.startswith(self._below) or path in self.trees

    def covers(self, path: str) -> bool:
        """Whether the view says anything about ``path``."""
        return path in self.files or self.in_tree(path)

    def concerns(self, path: str) -> bool:
        """Whether ``path`` is covered or watched."""
        return path in self.observed or self.covers(path)

    def virtual(self, path: str) -> str:
        """The path that programs know, for one that may lie in the layer."""
        if path.startswith(self.layer + "/"):
            return path[len(self.layer) :]
        return path

    def screen(self, path: str, *, follows: bool, creates: bool) -> Screening:
        """How far an absolute path must be looked at.

        Args:
            path: Absolute, otherwise as the program spelt it.
            follows: Whether the call follows a link at the end.
            creates: Whether the call may make the name.
        """
        if "//" in path or "/." in path:
            parts = path.split("/")
            if ".." in parts:
                return Screening.WALK
            path = lexically(path)
        path = path.rstrip("/")
        if self.concerns(path):
            return Screening.PLAIN
        if path.startswith("/proc/"):
            return Screening.WALK if _leaves_proc(path) else Screening.NO
        if creates or path.rpartition("/")[2] in self.names:
            return Screening.WALK
        return Screening.LAST if follows else Screening.NO

    def decide(self, path: str, places: Places, *, creates: bool, named_in_layer: bool) -> Where:
        """Which file a call on a covered path gets.

        Args:
            path: Absolute, normalised, links resolved as far as the call follows them.
            places: The facts.
            creates: Whether the call may make the name.
            named_in_layer: The program got there through a directory of the layer, so "as named" means the layer.
        """
        as_named = Where.REAL if named_in_layer else Where.AS_NAMED
        found = places.in_layer(path)
        if found in (Kind.FILE, Kind.LINK, Kind.BELOW_A_FILE):
            return Where.LAYER
        really = places.really(path)
        if found is Kind.DIRECTORY:
            return Where.LAYER if really is Kind.NOTHING else as_named
        if really is not Kind.NOTHING:
            return as_named
        if creates:
            parent = posixpath.dirname(path)
            if path in self.files or Kind.DIRECTORY in (places.in_layer(parent), places.really(parent)):
                return Where.LAYER_NEW
        return Where.AS_NAMED


def compile_rules(view: View, layer: str, observe: tuple[str, ...] = ()) -> Rules:
    """The rules of a view whose layer is at ``layer``."""
    trees = tuple(tree.prefix for tree in view.trees)
    paths = [file.path for file in view.files]
    names = {part for path in (*trees, *paths) for part in path.split("/") if part}
    names |= {posixpath.basename(path) for path in observe}
    files = frozenset(path for path in paths if view.tree_of(path) is None)
    return Rules(
        trees=trees,
        files=files,
        observed=frozenset(observe),
        layer=layer,
        names=names,
        parents=frozenset(posixpath.dirname(path) for path in files) | frozenset(map(posixpath.dirname, trees)),
    )


def _leaves_proc(path: str) -> bool:
    """Whether a path goes through one of the links of a process and on from there.

    A link at the end needs no help: it leads to what the process already holds.
    """
    _root, _proc, _process, *parts = path.split("/")
    if parts[:1] == ["task"]:
        parts = parts[2:]
    match parts:
        case ["root" | "cwd", _, *_] | ["fd", _, _, *_]:
            return True
        case _:
            return False
