"""Blockers' pages: what the rules say, and what the committed runs of the matrix found in each version.

What this module must not do: judge runs.
"""

from collections.abc import Sequence
from pathlib import Path

import attrs

from runner.campaign.declaration import FILE, read_matrix
from runner.core.blockers import RULES
from runner.core.cell import Attempt
from runner.core.met import Met, met_where
from runner.formats.blocker_page import GENERATED, blocker_pages
from runner.formats.markdown import Safe, cell
from runner.pages.attempts import KEPT, Gathered, gathered
from runner.pages.reporting import write_report
from runner.registry import all_experiments
from runner.supply.gvisors import GVISORS, known


@attrs.frozen(kw_only=True)
class MetInTheMatrix:
    """What committed runs say of blockers.

    Attributes:
        by_blocker: Builds of gVisor oldest first.
        runs: Where the runs are.
    """

    by_blocker: dict[str, tuple[Met, ...]]
    runs: Gathered

    def rows(self, blocker: str, page: Path) -> list[tuple[Safe, ...]]:
        """Rows for a blocker's page: build, workload, met, overcome, absent; each leads to the newest such run.

        Args:
            blocker: A row's id.
            page: The directory of the page.
        """

        def said(attempts: Sequence[Attempt], what: str = "") -> Safe:
            if not attempts:
                return Safe("")
            number = f"{len(attempts)} {'run' if len(attempts) == 1 else 'runs'}"
            link = self.runs.link(attempts[-1], page)
            return Safe(f"{number}{what}, e.g. [{attempts[-1].cell.experiment}]({link})")

        return [
            (
                cell(_named(one.runsc)),
                cell(one.workload),
                said(one.met),
                said(one.overcome, f" by {', '.join(one.overcome_by)}"),
                said(one.absent),
            )
            for one in self.by_blocker[blocker]
        ]


def met_in_the_matrix(kept: Sequence[Path] = KEPT) -> MetInTheMatrix:
    """What committed runs say of every blocker."""
    runs, experiments = gathered(kept), tuple(all_experiments().values())
    refused = {step for axis in read_matrix(FILE).runsc for step in axis.without} if FILE.is_file() else set()
    order = [build.version for build in GVISORS]

    def age(one: Met) -> tuple[int, str]:
        return order.index(one.runsc) if one.runsc in order else len(order), one.workload

    found = {name: met_where(name, runs.done, experiments, refused) for name in RULES}
    return MetInTheMatrix(by_blocker={name: tuple(sorted(met, key=age)) for name, met in found.items()}, runs=runs)


def _named(version: str) -> str:
    build = known(version)
    return f"gVisor {build.name} ({version})" if build else f"gVisor {version}"


def write_blocker_pages(directory: Path) -> list[Path]:
    """Write a page for each blocker and their index; pages of blockers that are no more are removed.

    Raises:
        StoreError: They cannot be written.
    """
    logs = [path.name.removesuffix(".log.gz") for path in Path("tests/logs").glob("*.log.gz")]
    met = met_in_the_matrix()
    pages = blocker_pages(RULES, logs, {name: met.rows(name, directory) for name in RULES})
    for former in directory.glob("*.md"):
        if former.name not in pages and GENERATED in former.read_text(encoding="utf-8"):
            former.unlink()
    return [write_report(directory / name, text) for name, text in pages.items()]
