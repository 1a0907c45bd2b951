"""Find a k3s, or get one: the variable, PATH, the cache, the official release; and say so when there is none.

A run without k3s is still a run (another workload takes its place), so nothing found is an answer here and not an
error; only K3S_BIN naming something else is one, because the user asked for exactly that. How k3s is run is not known
here.
"""

import os
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from runner.supply.binary import NotUsableError, machine
from runner.supply.cache import Cache, CacheError
from runner.supply.release import Release, ReleaseError, from_release
from runner.supply.search import Search, Wanted
from runner.supply.supplied import Absent, Progress, Supplied

RELEASES_URL = "https://github.com/k3s-io/k3s/releases/download"
VERSION = "v1.34.1+k3s1"
VERSION_LINE = re.compile(r"k3s version (\S+)")

_ARTEFACT = {"amd64": "k3s", "arm64": "k3s-arm64"}


def _as_reported(path: Path, reported: str) -> str:  # noqa: ARG001  k3s is always stamped; runsc needs the path
    return reported


WANTED = Wanted(program="k3s", variable="K3S_BIN", version_line=VERSION_LINE, true_version=_as_reported)


def release_of(version: str, environ: Mapping[str, str]) -> Release | None:
    """Where a release for this machine is, or None if there is none for its processor."""
    artefact = _ARTEFACT.get(machine())
    if artefact is None:
        return None
    base = environ.get("K3S_RELEASES_URL", "") or RELEASES_URL
    directory = f"{base.rstrip('/')}/{urllib.parse.quote(version, safe='')}"
    return Release(
        program="k3s",
        key=f"k3s-{version}-{machine()}",
        url=f"{directory}/{artefact}",
        checksum_url=f"{directory}/sha256sum-{machine()}.txt",
        listed_as=artefact,
        algorithm="sha256",
        version_line=re.compile(rf"k3s version ({re.escape(version)})(?=\s|$)"),
    )


async def find_k3s(
    progress: Progress,
    *,
    version: str = VERSION,
    environ: Mapping[str, str] = os.environ,
    cache: Cache | None = None,
    refresh: bool = False,
) -> Supplied | Absent:
    """The k3s to use: K3S_BIN, else PATH, the cache, else the official release of ``version``.

    Args:
        progress: Told what goes on while something is downloaded.
        version: Of the cached and the official one; K3S_BIN and PATH are taken as they are.
        environ: Where K3S_BIN, PATH and K3S_RELEASES_URL are looked up.
        cache: None for the user's.
        refresh: Ask the release site even if it could not be reached a moment ago.

    Returns:
        Absent when there is none, with the reasons.

    Raises:
        SupplyError: K3S_BIN is set, and what it names is not a k3s.
    """
    cache = cache or Cache.of_user()
    search = Search(WANTED, environ, cache, progress)
    release = release_of(version, environ)
    found = await search.named() or await search.on_path()
    if found is not None:
        return found
    if release is None:
        search.note("official release", "absent", f"there is none for {machine()}")
        return Absent(what="k3s", attempts=search.attempts)
    if (found := await search.cached(release.key)) is not None:
        return found
    try:
        return await search.of_entry(await from_release(release, cache, progress, refresh=refresh), "official release")
    except ReleaseError as error:
        search.note("official release", "failed" if error.tried else "skipped", str(error))
    except NotUsableError as error:
        search.note("official release", "unusable", str(error))
    except CacheError as error:
        search.note("official release", "failed", str(error))
    return Absent(what="k3s", attempts=search.attempts)
