"""The view: which paths programs find changed, and which answers are spoofed.

One table serves three readers: the mount plan, the interceptor's rules, and the oracle that tests compare both with.
Nothing here knows how a view is applied.
"""

from pathlib import PurePosixPath
from typing import Final, Literal

import attrs

from runner.model.check import absolute_path, not_empty, slug

VIEW_LAYER: Final = "view-layer"
"""The step that is the view's own doing: a tmpfs for its files. No part that could be left out, and no workaround."""


@attrs.frozen(kw_only=True)
class ViewFile:
    """One file that programs shall find at ``path``, whether or not the sandbox has it.

    Attributes:
        path: Absolute path as programs name it.
        content: What a reader gets until somebody writes to it; writes are kept and never reach the real file. None: the
            path leads to a file that does not exist, as some of the original series' redirects did.
        reason: Who wants this file with this content, and how that is known.
        part: Name of the part it belongs to; ``--without PART`` leaves all files of a part out.
    """

    path: str = attrs.field(validator=absolute_path)
    content: str | None
    reason: str = attrs.field(validator=not_empty)
    part: str = attrs.field(validator=slug)


@attrs.frozen(kw_only=True)
class ViewTree:
    """A directory served as a merge: the view's files first, the real ones behind them.

    New files that a program creates below ``prefix`` land in the view's layer.

    Attributes:
        prefix: Absolute path of the directory, without a trailing slash.
        part: As in :class:`ViewFile`.
    """

    prefix: str = attrs.field(validator=absolute_path)
    part: str = attrs.field(validator=slug)


@attrs.frozen(kw_only=True)
class StatfsSpoof:
    """Answer statfs and fstatfs with another filesystem type (only interception can do this).

    Attributes:
        real_type: ``f_type`` to replace, e.g. 0x01021997 (9p).
        shown_type: ``f_type`` that callers see, e.g. 0xEF53 (ext4).
        part: As in :class:`ViewFile`.
    """

    real_type: int
    shown_type: int
    part: str = attrs.field(validator=slug)


@attrs.frozen(kw_only=True)
class View:
    """The whole table.

    Attributes:
        trees: Directories served as merges.
        files: Files with made-up content, below a tree or on their own.
        statfs: Spoofed filesystem types.
        holds_back: Part -> ids of the fatal blockers that appear when it is left out, as far as that is known.
        calls: Which system calls a filtering interceptor stops for it. ``every``: all that can tell the view from the
            sandbox. ``opening``: those that open, execute or ask for access; programs that only stat, list, rename or read
            links find the sandbox's own there. For views whose readers are known, by runs with ``every``, to do no more.
    """

    trees: tuple[ViewTree, ...] = ()
    files: tuple[ViewFile, ...] = ()
    statfs: tuple[StatfsSpoof, ...] = ()
    holds_back: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    calls: Literal["every", "opening"] = attrs.field(
        default="every", validator=attrs.validators.in_(("every", "opening"))
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a table that says two things about one path."""
        seen: set[str] = set()
        for path in [tree.prefix for tree in self.trees] + [file.path for file in self.files]:
            if path in seen:
                raise ValueError(f"the view names {path} twice; keep one of the two entries")
            seen.add(path)
        for path in seen:
            parents = {str(parent) for parent in PurePosixPath(path).parents}
            files_above = parents & {file.path for file in self.files}
            if files_above:
                raise ValueError(f"the view declares {path} below the file {files_above.pop()}; a file has no children")

        for file in self.files:
            if file.content is None and self.tree_of(file.path) is not None:
                raise ValueError(
                    f"the view says that {file.path} leads to nothing, but its tree shows the real file then"
                )
        unknown = set(self.holds_back) - set(self.parts)
        if unknown:
            raise ValueError(f"the view says what {sorted(unknown)} hold back, but has no such parts: {self.parts}")

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of all parts, each once, in order of declaration."""
        entries: tuple[ViewTree | ViewFile | StatfsSpoof, ...] = (*self.trees, *self.files, *self.statfs)
        return tuple(dict.fromkeys(entry.part for entry in entries))

    def without(self, parts: frozenset[str]) -> "View":
        """The same table with the named parts left out."""
        return View(
            trees=tuple(tree for tree in self.trees if tree.part not in parts),
            files=tuple(file for file in self.files if file.part not in parts),
            statfs=tuple(spoof for spoof in self.statfs if spoof.part not in parts),
            holds_back={part: blocker for part, blocker in self.holds_back.items() if part not in parts},
            calls=self.calls,
        )

    def part_of(self, path: str) -> str | None:
        """The part that answers for ``path``: the file's own, else its tree's; None outside the view."""
        for file in self.files:
            if path == file.path:
                return file.part
        tree = self.tree_of(path)
        return tree.part if tree else None

    def tree_of(self, path: str) -> ViewTree | None:
        """The tree that ``path`` lies in, or is the root of; None outside every tree."""
        for tree in self.trees:
            if path == tree.prefix or path.startswith(tree.prefix + "/"):
                return tree
        return None
