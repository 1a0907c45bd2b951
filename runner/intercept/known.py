"""What is known about names, until somebody may have changed one.

A stopped thread waits for every look at the sandbox, and most looks find what the last one found: no link here, nothing of
the view there, the same root as ever. So these are remembered. Only calls that make links, move names, mount or change a root
can make them untrue; every such call of any traced thread forgets everything when it begins, keeps everything from being
remembered while it runs, and forgets again when it returned. Processes that are not traced are noticed within a second, by
the alarm of the reports.

A link itself is never remembered, only that there is none: creating, removing or replacing a file turns no name into a link.
"""

import attrs


def _sets() -> tuple[set[bytes], ...]:
    return (set(), set(), set(), set())


@attrs.frozen
class Plain:
    """Where a text leads in the view by its very letters.

    Attributes:
        path: The path.
        skip: Slashes before the text that is good relative to the layer.
        identity: Device and inode of the layer's file there.
    """

    path: str
    skip: int
    identity: tuple[int, int]


@attrs.define
class Known:
    """What was found out since the last change of names.

    Attributes:
        no_link: Paths with no link at their end, as the launcher sees them.
        settled: By manner of use (see :func:`manner`): absolute paths, as programs spell them, that cannot concern the view
            whatever thread names them.
        plain: By text: where in the view it leads, as long as the layer has that file there.
    """

    no_link: set[str] = attrs.field(factory=set)
    settled: tuple[set[bytes], ...] = attrs.field(factory=_sets)
    plain: dict[bytes, Plain] = attrs.field(factory=dict)
    _insiders: dict[int, set[str]] = attrs.field(factory=dict)
    _changing: int = 0

    def found_no_link(self, path: str) -> None:
        """There is no link at ``path`` now."""
        if not self._changing:
            self.no_link.add(path)

    def settle(self, text: bytes, how: int) -> None:
        """A path cannot concern the view."""
        if not self._changing:
            self.settled[how].add(text)

    def found_plain(self, text: bytes, plain: Plain) -> None:
        """A text leads to a file of the layer."""
        if not self._changing:
            self.plain[text] = plain

    def is_inside(self, tid: int, anchor: str) -> bool:
        """Whether it is known that a thread finds the view's world at ``anchor``."""
        return anchor in self._insiders.get(tid, ())

    def found_inside(self, tid: int, anchor: str) -> None:
        """A thread finds the view's world at ``anchor``."""
        if not self._changing:
            self._insiders.setdefault(tid, set()).add(anchor)

    def forget_thread(self, tid: int) -> None:
        """A thread is gone, or another one took its number."""
        self._insiders.pop(tid, None)

    def begin_change(self) -> None:
        """A call that changes names is about to run."""
        self._changing += 1
        self.forget()

    def end_change(self) -> None:
        """It returned, or never will."""
        self._changing -= 1
        self.forget()

    def forget(self) -> None:
        """Nothing is known any more."""
        self.no_link.clear()
        self.plain.clear()
        self._insiders.clear()
        for paths in self.settled:
            paths.clear()


def manner(*, follows: bool, creates: bool) -> int:
    """Index into :attr:`Known.settled`."""
    return follows + 2 * creates
