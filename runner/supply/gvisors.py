"""Builds of gVisor by name, for comparing one with another: Debian's package of 2022, and pinned versions of its Go module.

A build that is not in the table is asked of the module proxy: its ``go.mod`` names the Go that it was written for, and it is
built with that. What a build needs of its command line to run at all stands beside it, since an old one does not run as a new
one does.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from runner.supply.apt import AptError, download, unpack
from runner.supply.binary import NotUsableError, machine, reported_version
from runner.supply.cache import Cache, CacheError, Claim, Entry, hash_file
from runner.supply.commands import run
from runner.supply.gobuild import MODULE, NEWEST_PIN, find_go, why_failed
from runner.supply.layer import Machine
from runner.supply.runsc import VERSION_LINE, WANTED, runsc_at_pin
from runner.supply.search import Search
from runner.supply.supplied import Attempt, Progress, Supplied, SupplyError

LATEST: Final = "latest"
ASK_TIMEOUT_S: Final = 120.0
_THIS_MACHINE: Final = Machine()


@attrs.frozen(kw_only=True)
class GVisor:
    """One build.

    Attributes:
        name: What it is called on the command line and in tables: the month of its source.
        version: What identifies it: the module's version, or the upstream version of the package.
        packaged: Whether it comes as Debian's package and not from the module.
        platforms: gVisor platforms that it is run with, the usual one first.
        network: As the arena's; ``host`` where the build's own stack cannot be set up on today's kernels.
        toolchain: The Go to build it with; empty where the table of pins knows it, or nothing is built.
    """

    name: str
    version: str
    packaged: bool = False
    platforms: tuple[str, ...] = ("systrap", "ptrace", "kvm")
    network: str = ""
    toolchain: str = ""


GVISORS: Final = (
    # Its systrap did not exist yet, and its netstack cannot be set up over the veth pair of today's kernels.
    GVisor(name="2022-12", version="0.0~20221219.0", packaged=True, platforms=("ptrace", "kvm"), network="host"),
    GVisor(name="2025-05", version="v0.0.0-20250503011706-39ed1f5ac29c"),
    GVisor(name="2025-10", version="v0.0.0-20251031020517-ecfcdd2f171c"),
    GVisor(name="2026-09", version=NEWEST_PIN),
)


class UnknownBuildError(SupplyError):
    """No build is called so; the user's to correct (exit code 64)."""


def known(version: str) -> GVisor | None:
    """The build of the table that reports this version, or None."""
    return next((build for build in GVISORS if build.version == version), None)


async def gvisor_named(name: str, *, environ: Mapping[str, str] = os.environ) -> GVisor:
    """The build that a word means: a name of the table, a version of the module, or ``latest``.

    Raises:
        UnknownBuildError: There is no such build; the message lists what there is.
        SupplyError: Nobody could be asked what the newest is, or which Go it takes.
    """
    for build in GVISORS:
        if name in {build.name, build.version}:
            return build
    if name != LATEST and not name.startswith("v0."):
        offer = ", ".join(build.name for build in GVISORS)
        raise UnknownBuildError(f"no gVisor build {name!r}; there are {offer}, {LATEST}, or any version of {MODULE}")
    version, go_version = await _asked(name, environ)
    return known(version) or GVisor(name=version, version=version, toolchain=f"go{go_version}")


async def gvisor(
    build: GVisor,
    progress: Progress,
    *,
    environ: Mapping[str, str] = os.environ,
    cache: Cache | None = None,
    packages_of: Machine = _THIS_MACHINE,
) -> Supplied:
    """The runsc of a build, from the cache or made now.

    Args:
        build: Which.
        progress: Told what goes on.
        environ: Where Go's variables are looked up.
        cache: None for the user's.
        packages_of: Whose apt brings a packaged one.

    Raises:
        SupplyError: It cannot be had, with every attempt.
    """
    cache = cache or Cache.of_user()
    if not build.packaged:
        return await runsc_at_pin(build.version, progress, environ=environ, cache=cache, toolchain=build.toolchain)
    search = Search(WANTED, environ, cache, progress)
    key = f"runsc-{build.version.replace('~', '-')}-{machine()}"
    if (found := await search.cached(key)) is not None:
        return found
    try:
        async with cache.claim(key, progress) as claim:
            entry = cache.entry(key) or await _unpacked(build, claim, packages_of, progress)
        return await search.of_entry(entry, "package")
    except (AptError, CacheError, NotUsableError) as error:
        search.note("package", "failed", str(error))
        said = (
            f"gVisor {build.name} ({build.version}) comes as the package runsc of Debian 12, and cannot be had: {error}"
        )
        raise SupplyError(said, search.attempts) from error


async def _unpacked(build: GVisor, claim: Claim, packages_of: Machine, progress: Progress) -> Entry:
    scratch = claim.scratch()
    private, tree = scratch / "apt", scratch / "tree"
    private.mkdir()
    tree.mkdir()
    files = await download(
        ("runsc",),
        private=private,
        status=packages_of.status,
        options=packages_of.apt_options,
        progress=progress,
        keep_open=(claim.lock_fd,),
    )
    package = _package(files, build)
    await unpack(package, tree=tree, work=private, keep_open=(claim.lock_fd,))
    built = tree / "usr/bin/runsc"
    version = await reported_version(built, VERSION_LINE, "runsc")
    if version != build.version:
        raise NotUsableError(f"{package.name} has runsc {version}, and not {build.version}")
    kept = claim.scratch()
    built.rename(kept / "runsc")
    facts = {"origin": f"package {package.stem}", "version": version}
    facts["sha256"] = hash_file(kept / "runsc", "sha256")
    return await claim.publish(kept, facts)


def _package(files: tuple[Path, ...], build: GVisor) -> Path:
    found = [file for file in files if file.name.startswith("runsc_")]
    for file in found:
        # apt writes a version's colon as %3a in file names, and leaves the tilde.
        if file.name.startswith(f"runsc_{build.version}"):
            return file
    offered = ", ".join(file.name for file in found) or "no package runsc"
    raise AptError(f"this machine's mirrors have {offered}; Debian 12's have version {build.version}")


async def _asked(query: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The module's version that a query means, and the Go its go.mod names."""
    go = find_go(environ)
    if go is None:
        raise SupplyError(f"gVisor {query} is to be built, and there is no go command on PATH; install Go")
    finished = await run(
        [go, "list", "-m", "-json", f"{MODULE}@{query}"],
        timeout_s=ASK_TIMEOUT_S,
        environ={**environ, "GOWORK": "off", "GOTOOLCHAIN": "local"},
        cwd=Path("/"),
    )
    try:
        document = json.loads("\n".join(finished.lines))
        return str(document["Version"]), str(document["GoVersion"])
    except (ValueError, KeyError, TypeError) as error:
        why = why_failed(finished, "go list", "local", ASK_TIMEOUT_S)
        note = Attempt(source="Go module", outcome="failed", detail=why)
        raise SupplyError(f"no version {query!r} of {MODULE}: {why}", (note,)) from error
