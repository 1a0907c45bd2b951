"""Chooses the workload: the first of k3s, upstream Kubernetes and the stand-in that is to be had, with the reason."""

import os
import sys
from pathlib import Path

import attrs

from runner.core.prepare import PlanError
from runner.model.kinds import WorkloadKind
from runner.supply.k3s import find_k3s
from runner.supply.kubernetes import Kubernetes, find_kubernetes
from runner.supply.needs import CONTAINERD, IMAGES, SHIM, Need
from runner.supply.supplied import Absent, Progress, Supplied, listing

STANDIN_VERSION = "v0"


class WorkloadError(Exception):
    """The wanted workload is not to be had; the message says what was tried and what to do (exit code 4)."""


@attrs.frozen(kw_only=True)
class Workload:
    """What will be started.

    Attributes:
        kind: k3s, kubernetes or standin.
        command: Command line before any flag of a step.
        version: As it reports it itself.
        sha256: Of the binary; empty for the stand-in, which is this program.
        reason: Why this one.
        needs: Files that the arena must show.
        commands: What the arena's root must have for it, besides what it always has.
        facts: For the result's environment.
    """

    kind: WorkloadKind
    command: tuple[str, ...]
    version: str
    sha256: str
    reason: str
    needs: tuple[Path, ...]
    commands: tuple[Need, ...] = ()
    facts: dict[str, str] = attrs.field(factory=dict)


async def choose_workload(wanted: str, progress: Progress, version: str = "") -> Workload:
    """Find the workload.

    Args:
        wanted: ``auto``, ``k3s``, ``kubernetes`` or ``standin``.
        progress: Told what is being looked for.
        version: That version and no other; empty is the usual one. Only for a workload that is asked for by name.

    Raises:
        PlanError: A version, and it is not said of what.
        WorkloadError: What was asked for by name is not to be had.
        SupplyError: A variable names something that is not what it should be.
    """
    if version and wanted == "auto":
        raise PlanError(f"--workload-version {version} of what? Choose --workload k3s or kubernetes with it")
    if wanted == "standin":
        if version not in {"", STANDIN_VERSION}:
            raise WorkloadError(f"the stand-in has no version {version}; there is {STANDIN_VERSION}")
        return standin("asked for by --workload standin")
    if wanted == "kubernetes":
        # Asked for by name: a failure of a moment ago is no reason not to try.
        environ = {**os.environ, **({"KUBERNETES_VERSION": version} if version else {})}
        built = await find_kubernetes(progress, environ=environ, refresh=True)
        if isinstance(built, Absent):
            raise WorkloadError(
                f"no Kubernetes to be had:\n{listing(built.attempts)}\nMend one of these, or choose --workload standin."
            )
        return _kubernetes(built, "asked for by --workload kubernetes")
    found = await _k3s(version, progress)
    if isinstance(found, Supplied):
        return Workload(
            kind="k3s",
            command=(str(found.path), "server"),
            version=found.version,
            sha256=found.sha256,
            reason=f"first choice, and found: {found.origin}",
            needs=(found.path, found.path.resolve()),
            commands=(*SHIM, *IMAGES),
        )
    if wanted == "k3s":
        raise WorkloadError(
            f"no k3s to be had:\n{listing(found.attempts)}\nSet K3S_BIN to a k3s binary, or choose --workload standin."
        )
    built = await find_kubernetes(progress)
    if isinstance(built, Kubernetes):
        return _kubernetes(built, f"second choice, since no k3s is to be had ({found.reason})")
    return standin(f"no k3s to be had ({found.reason}), and no Kubernetes either ({built.reason})")


async def _k3s(version: str, progress: Progress) -> Supplied | Absent:
    if not version:
        return await find_k3s(progress)
    found = await find_k3s(progress, version=version)
    if isinstance(found, Supplied) and found.version != version:
        # K3S_BIN and PATH are taken as they are, and this is another: then only the cache and the release are left.
        elsewhere = {**os.environ, "K3S_BIN": "", "PATH": ""}
        found = await find_k3s(progress, version=version, environ=elsewhere)
    return found


def _kubernetes(built: Kubernetes, reason: str) -> Workload:
    components, datastore = built.components, built.datastore
    return Workload(
        kind="kubernetes",
        command=(
            sys.executable,
            "-m",
            "runner.cluster",
            f"--programs={components.path}",
            f"--datastore={datastore.path.name}",
            f"--datastore-program={datastore.path}",
        ),
        version=components.version,
        sha256=components.sha256,
        reason=reason,
        needs=(components.path, datastore.path),
        commands=(*CONTAINERD, *IMAGES),
        facts={
            "datastore": f"{datastore.path.name} {datastore.version}",
            "datastore_sha256": datastore.sha256,
            "workload_origin": components.origin,
        },
    )


def standin(reason: str) -> Workload:
    """The stand-in, which is always to be had."""
    return Workload(
        kind="standin",
        command=(sys.executable, "-m", "runner.standin", "server"),
        version=STANDIN_VERSION,
        sha256="",
        reason=reason,
        needs=(),
    )
