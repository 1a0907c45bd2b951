"""Chooses the workload: the first of k3s and the stand-in that is to be had, with the reason on record."""

import sys
from pathlib import Path

import attrs

from runner.model.experiment import WorkloadKind
from runner.supply.k3s import find_k3s
from runner.supply.supplied import Progress, Supplied

STANDIN_VERSION = "v0"


class WorkloadError(Exception):
    """The wanted workload is not to be had; the message says what was tried and what to do (exit code 4)."""


@attrs.frozen(kw_only=True)
class Workload:
    """What will be started.

    Attributes:
        kind: k3s or standin.
        command: Command line before any flag of a step.
        version: As it reports it itself.
        sha256: Of the binary; empty for the stand-in, which is this program.
        reason: Why this one.
        needs: Files that the arena must show.
    """

    kind: WorkloadKind
    command: tuple[str, ...]
    version: str
    sha256: str
    reason: str
    needs: tuple[Path, ...]


async def choose_workload(wanted: str, progress: Progress) -> Workload:
    """Find the workload.

    Args:
        wanted: ``auto``, ``k3s`` or ``standin``.
        progress: Told what is being looked for.

    Raises:
        WorkloadError: k3s was asked for by name and is not to be had.
        SupplyError: K3S_BIN names something that is no k3s.
    """
    if wanted == "standin":
        return _standin("asked for by --workload standin")
    found = await find_k3s(progress)
    if isinstance(found, Supplied):
        return Workload(
            kind="k3s",
            command=(str(found.path), "server"),
            version=found.version,
            sha256=found.sha256,
            reason=f"first choice, and found: {found.origin}",
            needs=(found.path, found.path.resolve()),
        )
    if wanted == "k3s":
        raise WorkloadError(
            f"no k3s to be had ({found.reason}); set K3S_BIN to a k3s binary, or choose --workload standin"
        )
    return _standin(f"no k3s to be had ({found.reason})")


def _standin(reason: str) -> Workload:
    return Workload(
        kind="standin",
        command=(sys.executable, "-m", "runner.standin", "server"),
        version=STANDIN_VERSION,
        sha256="",
        reason=reason,
        needs=(),
    )
