"""Which path a program means, whatever the spelling: links, ``..``, doubled slashes, links of /proc.

The kernel resolves a path in its own world, where the view's files do not exist. So the few paths that could reach the view
are resolved here, component by component, in the merged world. What cannot be told for sure resolves to nothing, and the
call is left alone.
"""

import posixpath
from typing import Protocol

# As many links as the kernel itself follows.
MOST_LINKS = 40


class Links(Protocol):
    """What resolving may ask about the world, always by the paths that programs know."""

    def link(self, path: str) -> str | None:
        """Text of the link at ``path``; None if there is no link (or nothing at all)."""

    def is_directory(self, path: str) -> bool:
        """Whether ``path``, itself no link, is a directory."""


def lexically(path: str) -> str:
    """An absolute path without doubled slashes and ``.``; unlike ``normpath`` it knows that ``//x`` is ``/x`` here."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def resolve(path: str, links: Links, *, follows: bool) -> str | None:
    """The normalised path without links that ``path`` leads to.

    Args:
        path: Absolute, otherwise in any spelling.
        links: The facts.
        follows: Whether a link in the last component is followed; a trailing slash says so too.

    Returns:
        None where the kernel would refuse (too many links, ``..`` of something that is no directory).
    """
    todo = [part for part in reversed(path.split("/")) if part and part != "."]
    follows = follows or path.endswith(("/", "/."))
    current = "/"
    followed = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if not links.is_directory(current):
                return None
            current = posixpath.dirname(current)
            continue
        step = posixpath.join(current, part)
        text = links.link(step) if todo or follows else None
        if text is None:
            current = step
            continue
        followed += 1
        if followed > MOST_LINKS or not text:
            return None
        if text.startswith("/"):
            current = "/"
        todo.extend(part for part in reversed(text.split("/")) if part and part != ".")
    return current
