"""Take one program from its official release into the cache: verified, run once, and only then kept.

The same for runsc and k3s. A failure of the network is remembered for a while, so that a machine without one does not
pay the connect timeout at every run. Which program, which address and what comes instead are the callers' knowledge.
"""

import re
from pathlib import Path

import attrs
import trio

from runner.supply.binary import NotUsableError, reported_version
from runner.supply.cache import Cache, Claim, Entry, hash_file
from runner.supply.download import Algorithm, fetch, published_checksum
from runner.supply.supplied import Progress
from runner.supply.transfer import DownloadError, reach

FAILURE_REMEMBERED_S = 600.0


class ReleaseError(Exception):
    """The release cannot be had now; the text says why.

    Attributes:
        tried: False when only an earlier failure was remembered.
    """

    def __init__(self, message: str, *, tried: bool) -> None:
        super().__init__(message)
        self.tried = tried


@attrs.frozen(kw_only=True)
class Release:
    """Where a program is published, and how to know it.

    Attributes:
        program: Name of the executable in the cache.
        key: Cache key of this release.
        url: Of the executable.
        checksum_url: Of the file that lists its digest.
        listed_as: The executable's name in that file.
        algorithm: Of that digest.
        version_line: What the program's answer to --version looks like; group 1 is the version.
    """

    program: str
    key: str
    url: str
    checksum_url: str
    listed_as: str
    algorithm: Algorithm
    version_line: re.Pattern[str]


async def from_release(release: Release, cache: Cache, progress: Progress, *, refresh: bool) -> Entry:
    """The cache entry of a release, downloaded if need be. Runs at the same time share one download.

    Args:
        release: What.
        cache: Where it is kept.
        progress: Told what goes on.
        refresh: Try even if the network failed a moment ago.

    Raises:
        ReleaseError: It cannot be had.
        CacheError: The cache cannot be used.
    """
    failure = f"release {release.url}"
    known = None if refresh else cache.recall(failure, FAILURE_REMEMBERED_S)
    if known is not None:
        raise ReleaseError(
            f"not tried: less than {FAILURE_REMEMBERED_S / 60:g} minutes ago it failed: {known}", tried=False
        )
    try:
        progress(f"{release.program}: asking {release.url.split('/')[2]}", None)
        await reach(release.url)
        async with cache.claim(release.key, progress) as claim:
            made_meanwhile = cache.entry(release.key)
            entry = made_meanwhile or await _download(release, claim, progress)
    except (DownloadError, NotUsableError) as error:
        cache.remember(failure, str(error))
        raise ReleaseError(str(error), tried=True) from error
    cache.forget(failure)
    return entry


async def _download(release: Release, claim: Claim, progress: Progress) -> Entry:
    checksum = await published_checksum(release.checksum_url, release.listed_as, release.algorithm)
    await fetch(release.url, checksum=checksum, partial=claim.partial, progress=progress, what=release.program)
    scratch = claim.scratch()
    program = scratch / release.program
    claim.partial.rename(program)
    program.chmod(0o755)
    version = await _version(program, release)
    facts: dict[str, str] = {
        "origin": f"official release, {release.url}",
        "version": version,
        release.algorithm: checksum.digest,
    }
    if release.algorithm != "sha256":
        facts["sha256"] = await trio.to_thread.run_sync(hash_file, program, "sha256")
    return await claim.publish(scratch, facts)


async def _version(program: Path, release: Release) -> str:
    try:
        return await reported_version(program, release.version_line, release.program)
    except NotUsableError as error:
        raise NotUsableError(f"{release.url} has the published checksum, but {error}") from error
