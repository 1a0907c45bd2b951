"""What a search for something the machine may lack ends in, and every step of the way there.

A run that falls back (no network, so built; no k3s, so the stand-in) must be able to say why: each place that was
looked at leaves an ``Attempt``, for the screen, for ``doctor`` and for the error message. Records only: nothing is
looked for here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs

Progress = Callable[[str, float | None], None]
"""Called with what is going on and how much of it is done (0 to 1, or None when that is not known)."""

AttemptOutcome = Literal["used", "absent", "unusable", "failed", "skipped"]


@attrs.frozen(kw_only=True)
class Attempt:
    """One place that was looked at.

    Attributes:
        source: ``RUNSC_BIN``, ``PATH``, ``cache``, ``official release``, ``Go module``.
        outcome: ``used`` ends the search; ``absent`` means nothing is there, ``unusable`` that something is there which
            cannot serve, ``failed`` that getting it did not work, ``skipped`` that it was not tried.
        detail: The path that was used, or why not, in words for the user.
    """

    source: str
    outcome: AttemptOutcome
    detail: str


@attrs.frozen(kw_only=True)
class Supplied:
    """A program that was run and answered as itself.

    Attributes:
        path: Absolute path of the executable.
        version: The version it reports, or for a build without one the module version in it.
        origin: One line saying where it came from, for the result and the screen.
        sha256: Of the executable, in hex.
        attempts: Every place that was looked at, in order; the last one was used.
    """

    path: Path
    version: str
    origin: str
    sha256: str
    attempts: tuple[Attempt, ...]


@attrs.frozen(kw_only=True)
class Absent:
    """Nothing was found, and nobody promised that there would be: the caller takes its next choice.

    Attributes:
        what: Name of what was looked for.
        attempts: Every place that was looked at, in order.
    """

    what: str
    attempts: tuple[Attempt, ...]

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return "; ".join(f"{attempt.source}: {attempt.detail}" for attempt in self.attempts)


class SupplyError(Exception):
    """Something needed cannot be had; the text says what, where it was looked for and what to do.

    Attributes:
        attempts: Every place that was looked at, in order.
    """

    def __init__(self, message: str, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(message)
        self.attempts = attempts


def listing(attempts: tuple[Attempt, ...]) -> str:
    """The attempts as indented lines for an error message; what a program said stands below its attempt."""
    return "\n".join(
        f"  {attempt.source}: {attempt.outcome}: " + attempt.detail.replace("\n", "\n    ") for attempt in attempts
    )
