"""The facts that rules and resolving ask for: thin looks at the layer, at the sandbox, and through a thread's eyes.

The launcher is not redirected itself: what it sees is what the sandbox really has.
"""

# Plain os calls: this runs at stops, or between fork and exec, where Path objects are only a cost.
# ruff: noqa: PTH116, PTH115, PTH208, PTH103, PTH123

import os
import posixpath
import stat

import attrs

from runner.intercept.calls import AT_FDCWD
from runner.intercept.known import Known
from runner.intercept.rules import Kind, Rules

Identity = tuple[int, int]


def identity(path: str | int) -> Identity | None:
    """Device and inode of what a path leads to; None if nothing is there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def kind_of(path: str) -> Kind:
    """What is at a path of this process, links not followed."""
    try:
        mode = os.lstat(path).st_mode
    except NotADirectoryError:
        return Kind.BELOW_A_FILE
    except (OSError, ValueError):
        return Kind.NOTHING
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.FILE


def link_text(path: str) -> str | None:
    """Text of the link at a path of this process; None if there is none."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return None


@attrs.frozen
class World:
    """What is where, for everybody.

    Attributes:
        rules: The view's.
        root: Identity of the launcher's root directory.
        anchors: For each tree and single file, the nearest directory that really exists, and its identity. A thread
            that finds another directory there lives in another world (container, chroot): the view is not meant for it.
        known: What need not be asked again.
    """

    rules: Rules
    root: Identity | None
    anchors: dict[str, tuple[str, Identity | None]]
    known: Known = attrs.field(factory=Known)

    def in_layer(self, path: str) -> Kind:
        """See :class:`runner.intercept.rules.Places`."""
        return kind_of(self.rules.layer + path)

    def really(self, path: str) -> Kind:
        """See :class:`runner.intercept.rules.Places`."""
        return kind_of(path)

    def anchor(self, path: str) -> tuple[str, Identity | None]:
        """The directory by which a thread's world is recognised, for a path that the rules cover."""
        if path in self.anchors:
            return self.anchors[path]
        for tree in self.rules.trees:
            if path.startswith(tree + "/"):
                return self.anchors[tree]
        return "/", self.root

    def only_in_layer(self, directory: str) -> tuple[tuple[str, int, int], ...]:
        """Name, inode and directory-entry type of what the layer adds to a real directory."""
        in_tree = self.rules.in_tree(directory)
        entries: list[tuple[str, int, int]] = []
        try:
            names = os.listdir(self.rules.layer + directory)
        except OSError:
            return ()
        for name in sorted(names):
            path = posixpath.join(directory, name)
            if (in_tree or self.rules.covers(path)) and kind_of(path) is Kind.NOTHING:
                found = os.lstat(self.rules.layer + path)
                entries.append((name, found.st_ino, stat.S_IFMT(found.st_mode) >> 12))
        return tuple(entries)

    def make_parents(self, path: str) -> bool:
        """Make the directories in the layer that a new file needs; False if that is impossible."""
        try:
            os.makedirs(posixpath.dirname(self.rules.layer + path), exist_ok=True)
        except OSError:
            return False
        return True


def look_around(rules: Rules) -> World:
    """The world as it is now."""
    anchors: dict[str, tuple[str, Identity | None]] = {}
    for path in (*rules.trees, *rules.files, *rules.observed):
        directory = path if path in rules.trees else posixpath.dirname(path)
        while identity(directory) is None:
            directory = posixpath.dirname(directory)
        anchors[path] = (directory, identity(directory))
    return World(rules, identity("/"), anchors)


@attrs.define
class ThreadEyes:
    """How one thread sees paths; implements :class:`runner.intercept.resolve.Links`.

    Attributes:
        world: The facts for everybody.
        tid: The thread.
        fleeting: An answer was given that another thread, or the same one later, may not get.
        followed: A link was followed.
        followed_magic: A process's link was followed, which leads where no text could say.
    """

    world: World
    tid: int
    fleeting: bool = False
    followed: bool = False
    followed_magic: bool = False

    def shares_root(self) -> bool:
        """Whether absolute paths mean the same to the thread and to the launcher."""
        return identity(f"/proc/{self.tid}/root") == self.world.root

    def sees(self, path: str) -> bool:
        """Whether the thread lives in the world that the view is for, as far as ``path`` goes."""
        anchor, expected = self.world.anchor(path)
        known = self.world.known
        if known.is_inside(self.tid, anchor):
            return True
        inside = identity(f"/proc/{self.tid}/root{anchor}") == expected
        if inside:
            known.found_inside(self.tid, anchor)
        return inside

    def has_descriptor(self, number: int, expected: Identity) -> bool:
        """Whether a descriptor of the thread is what it should be."""
        return identity(f"/proc/{self.tid}/fd/{number}") == expected

    def finds(self, number: int, path: str, expected: Identity) -> bool:
        """Whether an absolute path, taken relative to a descriptor of the thread, leads to what it should."""
        return identity(f"/proc/{self.tid}/fd/{number}{path}") == expected

    def directory(self, descriptor: int) -> str | None:
        """Path of a directory descriptor (or AT_FDCWD), as this process would name it; None if it has no such name."""
        magic = f"/proc/{self.tid}/cwd" if descriptor == AT_FDCWD else f"/proc/{self.tid}/fd/{descriptor}"
        return self.checked_link(magic)

    def checked_link(self, magic: str) -> str | None:
        """Text of a process's link, if it really names what the link leads to.

        Deleted files, pipes, other mount namespaces and a container runtime's private procfs (shown as "/") do not.
        """
        text = link_text(magic)
        if text is None or not text.startswith("/") or identity(magic) != identity(text):
            return None
        return text

    def link(self, path: str) -> str | None:
        """See :class:`runner.intercept.resolve.Links`."""
        text = self._link(path)
        self.followed = self.followed or text is not None
        return text

    def _link(self, path: str) -> str | None:
        known = self.world.known
        if path in known.no_link:
            return None
        within_proc = path.startswith("/proc/")
        if within_proc:
            self.fleeting = True
            match path.split("/")[2:]:
                case ["self"]:
                    return str(process_of(self.tid))
                case ["thread-self"]:
                    return f"{process_of(self.tid)}/task/{self.tid}"
                case [*_, "root" | "cwd" as name] | [*_, "fd", name]:
                    return self._process_link(path, name)
                case _:
                    pass
        if self.world.rules.covers(path):
            text = link_text(self.world.rules.layer + path)
            if text is not None:
                return text
        text = link_text(path)
        if text is None and not within_proc:
            known.found_no_link(path)
        return text

    def is_directory(self, path: str) -> bool:
        """See :class:`runner.intercept.resolve.Links`."""
        self.fleeting = True
        covered = self.world.rules.covers(path)
        return (covered and self.world.in_layer(path) is Kind.DIRECTORY) or kind_of(path) is Kind.DIRECTORY

    def _process_link(self, path: str, name: str) -> str | None:
        self.followed_magic = True
        if name == "root":
            return "/" if identity(path) == self.world.root else None
        text = self.checked_link(path)
        return self.world.rules.virtual(text) if text else None


def descriptor_position(tid: int, descriptor: int) -> int | None:
    """Position of a thread's descriptor, None where the kernel does not show it."""
    return _field(f"/proc/{tid}/fdinfo/{descriptor}", "pos")


def process_of(tid: int) -> int:
    """Process (thread group) of a thread, the thread itself if it is gone."""
    return _field(f"/proc/{tid}/status", "Tgid") or tid


def parent_of(tid: int) -> int:
    """Parent process of a thread's process, 0 if it is gone."""
    return _field(f"/proc/{tid}/status", "PPid") or 0


def threads_of(tid: int) -> int:
    """How many threads a thread's process has, 0 if it is gone."""
    return _field(f"/proc/{tid}/status", "Threads") or 0


def _field(path: str, name: str) -> int | None:
    """A number from a file of /proc that has one field a line; None if it is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return None
