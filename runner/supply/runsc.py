"""Find a runsc, or get one: the variable, PATH, the cache, the official release, and at last gVisor's own Go module.

Without runsc there is no arena, so the search ends with one or with an error that lists every place and reason. The
release site is asked once and briefly: where it cannot be reached, building takes a minute and is the better use of
the time. What runsc is asked to do is not known here.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import trio

from runner.supply.binary import NotUsableError, machine, reported_version
from runner.supply.buildinfo import read_buildinfo
from runner.supply.cache import Cache, CacheError, Claim, Entry, hash_file
from runner.supply.gobuild import NEWEST_PIN, PACKAGE, BuildError, build_runsc
from runner.supply.release import Release, ReleaseError, from_release
from runner.supply.search import Search, Wanted
from runner.supply.supplied import Progress, Supplied, SupplyError, listing

RELEASES_URL = "https://storage.googleapis.com/gvisor/releases/release"
RELEASE = "latest"
VERSION_LINE = re.compile(r"runsc version (\S+)")
UNSTAMPED = "VERSION_MISSING"

_URL_ARCHITECTURE = {"amd64": "x86_64", "arm64": "aarch64"}


def true_version(path: Path, reported: str) -> str:
    """What runsc calls itself, or for a build that was not stamped the module version inside.

    Raises:
        OSError: The file cannot be read.
    """
    if reported != UNSTAMPED:
        return reported
    info = read_buildinfo(path)
    return info.version if info is not None and info.version else "unknown"


WANTED = Wanted(program="runsc", variable="RUNSC_BIN", version_line=VERSION_LINE, true_version=true_version)


def release_of(environ: Mapping[str, str]) -> Release | None:
    """Where the official release for this machine is, or None if there is none for its processor."""
    architecture = _URL_ARCHITECTURE.get(machine())
    if architecture is None:
        return None
    base = environ.get("RUNSC_RELEASES_URL", "") or RELEASES_URL
    url = f"{base.rstrip('/')}/{RELEASE}/{architecture}/runsc"
    return Release(
        program="runsc",
        key=f"runsc-release-{RELEASE}-{machine()}",
        url=url,
        checksum_url=f"{url}.sha512",
        listed_as="runsc",
        algorithm="sha512",
        version_line=VERSION_LINE,
    )


def build_key(pin: str) -> str:
    """Cache key of a runsc built from its module at a pin."""
    return f"runsc-{pin}-{machine()}"


async def find_runsc(
    progress: Progress, *, environ: Mapping[str, str] = os.environ, cache: Cache | None = None, refresh: bool = False
) -> Supplied:
    """The runsc to use: RUNSC_BIN, else PATH, the cache, the official release, else one built at the newest pin.

    Args:
        progress: Told what goes on while something is downloaded or built.
        environ: Where RUNSC_BIN, PATH, RUNSC_RELEASES_URL and Go's variables are looked up.
        cache: None for the user's.
        refresh: Ask the release site even if it could not be reached a moment ago.

    Raises:
        SupplyError: RUNSC_BIN names something else, or nothing can be had; with every attempt.
    """
    cache = cache or Cache.of_user()
    search = Search(WANTED, environ, cache, progress)
    release = release_of(environ)
    keys = ((release.key,) if release is not None else ()) + (build_key(NEWEST_PIN),)
    found = await search.named() or await search.on_path() or await search.cached(*keys)
    if found is None and release is not None:
        found = await _released(search, release, cache, progress, refresh=refresh)
    return found or await _built(search, NEWEST_PIN, cache, environ, progress)


async def runsc_at_pin(
    pin: str,
    progress: Progress,
    *,
    environ: Mapping[str, str] = os.environ,
    cache: Cache | None = None,
    toolchain: str = "",
) -> Supplied:
    """The runsc of one module version, from the cache or built: for comparing gVisor versions.

    Args:
        pin: Module version.
        progress: Told what is compiled.
        environ: Where Go's variables are looked up.
        cache: None for the user's.
        toolchain: The Go to build it with, for a version that no table names.

    Raises:
        SupplyError: The pin is unknown or cannot be built; with every attempt.
    """
    cache = cache or Cache.of_user()
    search = Search(WANTED, environ, cache, progress)
    return await search.cached(build_key(pin)) or await _built(search, pin, cache, environ, progress, toolchain)


async def _released(
    search: Search, release: Release, cache: Cache, progress: Progress, *, refresh: bool
) -> Supplied | None:
    try:
        return await search.of_entry(await from_release(release, cache, progress, refresh=refresh), "official release")
    except ReleaseError as error:
        search.note("official release", "failed" if error.tried else "skipped", str(error))
    except NotUsableError as error:
        search.note("official release", "unusable", str(error))
    except CacheError as error:
        search.note("official release", "failed", str(error))
    return None


async def _built(
    search: Search, pin: str, cache: Cache, environ: Mapping[str, str], progress: Progress, toolchain: str = ""
) -> Supplied:
    try:
        async with cache.claim(build_key(pin), progress) as claim:
            entry = cache.entry(build_key(pin)) or await _build(pin, claim, environ, progress, toolchain)
        return await search.of_entry(entry, "Go module")
    except (BuildError, CacheError, NotUsableError) as error:
        search.note("Go module", "failed", str(error))
        raise SupplyError(
            f"no runsc can be had, and without it there is no gVisor arena:\n{listing(search.attempts)}\n"
            "Set RUNSC_BIN to a runsc, or mend one of the places above.",
            search.attempts,
        ) from error


async def _build(pin: str, claim: Claim, environ: Mapping[str, str], progress: Progress, toolchain: str) -> Entry:
    scratch = claim.scratch()
    built = await build_runsc(
        pin, into=scratch, environ=environ, progress=progress, keep_open=(claim.lock_fd,), toolchain=toolchain
    )
    reported = await reported_version(built, VERSION_LINE, "runsc")
    facts = {"origin": f"built from Go module {PACKAGE}@{pin}", "version": true_version(built, reported)}
    facts["sha256"] = await trio.to_thread.run_sync(hash_file, built, "sha256")
    return await claim.publish(scratch, facts)
