"""The attempts of several results directories together, for pages that link each.

What this module must not do: run anything, or write.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from runner.campaign.facts import Facts, facts_of
from runner.campaign.journal import Journal
from runner.core.cell import Attempt
from runner.host.store import RESULT

KEPT: Final = (Path("results/matrix"), Path("results/series"))
"""Where attempts are committed with their runs: the matrix's, and those of the series, whose cells are some of the matrix's."""


@attrs.frozen(kw_only=True)
class Gathered:
    """Attempts with their places.

    Attributes:
        done: By fingerprint, oldest first.
        places: Attempt's id -> the results directory that has its run.
        facts: What the probes of the arenas found.
    """

    done: dict[str, list[Attempt]]
    places: dict[str, Path]
    facts: Facts

    def result(self, attempt: Attempt) -> Path | None:
        """The result file of an attempt; None where nothing was started."""
        return self.places[attempt.id] / attempt.run / RESULT if attempt.run else None

    def link(self, attempt: Attempt, page: Path) -> str:
        """The way from a page's directory to an attempt's result; empty where nothing was started."""
        result = self.result(attempt)
        return Path(os.path.relpath(result, page)).as_posix() if result else ""


def gathered(directories: Sequence[Path]) -> Gathered:
    """Read results directories; of an attempt that several have, the first counts.

    Raises:
        StoreError: One cannot be read.
        FormatError: One holds something else than attempts.
    """
    done: dict[str, list[Attempt]] = {}
    places: dict[str, Path] = {}
    facts: Facts = {}
    for directory in directories:
        facts = {**facts_of(directory), **facts}
        for attempts in Journal(directory, adopt=False).attempts.values():
            for attempt in attempts:
                if attempt.id not in places:
                    places[attempt.id] = directory
                    done.setdefault(attempt.fingerprint, []).append(attempt)
    for attempts in done.values():
        attempts.sort(key=lambda one: one.id)
    return Gathered(done=done, places=places, facts=facts)
