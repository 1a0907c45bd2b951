"""What is known about names, until somebody may have changed one.

A stopped thread waits for every look at the sandbox, and most looks find what the last one found: no link here, nothing of
the view there. So both are remembered. Only calls that make links or move names can make them untrue; every such call of any
traced thread forgets everything when it begins, keeps everything from being remembered while it runs, and forgets again when
it returned. Processes that are not traced are noticed within a second, by the alarm of the reports.

A link itself is never remembered, only that there is none: creating, removing or replacing a file turns no name into a link.
"""

import attrs


def _sets() -> tuple[set[bytes], ...]:
    return (set(), set(), set(), set())


@attrs.define
class Known:
    """What was found out since the last change of names.

    Attributes:
        no_link: Paths with no link at their end, as the launcher sees them.
        settled: By manner of use (see :func:`manner`): absolute paths, as programs spell them, that cannot concern the view
            whatever thread names them.
    """

    no_link: set[str] = attrs.field(factory=set)
    settled: tuple[set[bytes], ...] = attrs.field(factory=_sets)
    _changing: int = 0

    def found_no_link(self, path: str) -> None:
        """There is no link at ``path`` now."""
        if not self._changing:
            self.no_link.add(path)

    def settle(self, text: bytes, how: int) -> None:
        """A path cannot concern the view."""
        if not self._changing:
            self.settled[how].add(text)

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
        for paths in self.settled:
            paths.clear()


def manner(*, follows: bool, creates: bool) -> int:
    """Index into :attr:`Known.settled`."""
    return follows + 2 * creates
