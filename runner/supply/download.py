"""Download a file whose checksum is published beside it, so that nothing unverified ever gets the file's name.

The body goes to a partial file that outlives an interruption; the next try, or the next run, asks for the rest under
If-Range, so that a server with another version sends all of it anew. Only when the whole file's digest is the
published one does the caller get it. Whatever passes (a broken connection, a busy server) is tried again with growing
pauses; what does not pass (404, a wrong checksum, no network at all) is said at once. Nothing here knows what is
downloaded, and the cache is the caller's business.
"""

import errno
import http
import json
import math
import os
import random
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import attrs
import trio

from runner.supply.cache import explained, hash_file
from runner.supply.supplied import Progress
from runner.supply.transfer import DownloadError, RangeRefusedError, Transfer

Algorithm = Literal["sha256", "sha512"]

T = TypeVar("T")

TRIES = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
CHECKSUM_FILE_LIMIT = 1 << 20
REPORT_EVERY_S = 0.1

_HEX = {"sha256": re.compile(r"[0-9a-fA-F]{64}"), "sha512": re.compile(r"[0-9a-fA-F]{128}")}


@attrs.frozen(kw_only=True)
class Checksum:
    """A published digest.

    Attributes:
        algorithm: ``sha256`` or ``sha512``.
        digest: In lower-case hex.
        source: The URL that published it.
    """

    algorithm: Algorithm
    digest: str
    source: str


@attrs.frozen(kw_only=True)
class _Begun:
    """What is known about a partial file: without it, the file cannot be taken up again."""

    url: str
    digest: str
    validator: str
    total: int | None


def find_checksum(text: str, name: str, algorithm: Algorithm) -> str | None:
    """The digest of a file in the output of sha256sum or sha512sum, in lower-case hex; None if it is not listed."""
    for line in text.splitlines():
        digest, _, listed = line.strip().partition(" ")
        if _HEX[algorithm].fullmatch(digest) and listed.strip().removeprefix("*").rpartition("/")[2] == name:
            return digest.lower()
    return None


async def published_checksum(url: str, name: str, algorithm: Algorithm) -> Checksum:
    """Fetch a checksum file and find one file's digest in it.

    Raises:
        DownloadError: It cannot be fetched, or does not list the file.
    """
    text = await _patiently(lambda: _small_text(url))
    digest = find_checksum(text, name, algorithm)
    if digest is None:
        raise DownloadError(f"{url}: lists no {algorithm} of {name}; is it really the release's checksum file?")
    return Checksum(algorithm=algorithm, digest=digest, source=url)


async def fetch(url: str, *, checksum: Checksum, partial: Path, progress: Progress, what: str) -> None:
    """Download a URL to ``partial``, taking up what an earlier try left there, until its digest is the published one.

    Args:
        url: http or https.
        checksum: What the whole file must hash to.
        partial: Where the bytes go; a note is kept beside it. Left in place on passing errors and when interrupted.
        progress: Told bytes and fraction.
        what: Name of the file for the user.

    Raises:
        DownloadError: It cannot be had, or is not what was published; in the latter case the bytes are gone.
        CacheError: The disk is full or refuses.
    """

    async def pull() -> bool:
        try:
            return await _pull(url, checksum, partial, progress, what)
        except RangeRefusedError:
            _discard(partial)
            return await _pull(url, checksum, partial, progress, what)

    while True:
        resumed = await _patiently(pull, growing=partial, progress=progress)
        progress(f"{what}: checking its {checksum.algorithm}", None)
        digest = await trio.to_thread.run_sync(hash_file, partial, checksum.algorithm)
        if digest == checksum.digest:
            _note(partial).unlink(missing_ok=True)
            return
        _discard(partial)
        if not resumed:
            raise DownloadError(
                f"{url}: its {checksum.algorithm} is {digest}, but {checksum.source} publishes {checksum.digest}; "
                "the download was thrown away. If a mirror or proxy is set, check it"
            )


async def _patiently(
    attempt: Callable[[], Awaitable[T]], *, growing: Path | None = None, progress: Progress | None = None
) -> T:
    failures, size = 0, -1
    while True:
        try:
            return await attempt()
        except DownloadError as error:
            now = 0 if growing is None else _size(growing)
            failures = 1 if now > size >= 0 else failures + 1  # a try that brought something starts the count anew
            size = now
            if not error.passing or failures >= TRIES:
                raise
            if progress is not None:
                progress(f"{error}; trying again", None)
        pause = min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
        await trio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  spreads clients, hides nothing


async def _small_text(url: str) -> str:
    body = b""
    async with Transfer(url) as transfer:
        while chunk := await transfer.chunk():
            body += chunk
            if len(body) > CHECKSUM_FILE_LIMIT:
                raise DownloadError(f"{url}: is larger than {CHECKSUM_FILE_LIMIT} bytes: not a checksum file")
        length = _content_length(transfer)
    if length is not None and len(body) < length:
        raise DownloadError(f"{url}: ended after {len(body)} of {length} bytes", passing=True)
    return body.decode(errors="replace")


async def _pull(url: str, checksum: Checksum, partial: Path, progress: Progress, what: str) -> bool:
    """Bring the partial file to its end; True if some of it was there before."""
    begun = _read_note(partial)
    have = 0
    if begun is not None and begun.validator and (begun.url, begun.digest) == (url, checksum.digest):
        have = _size(partial)
        if have and have == begun.total:
            return True
    headers = {"Range": f"bytes={have}-", "If-Range": begun.validator} if begun is not None and have else {}
    async with Transfer(url, headers) as transfer:
        start = _first_byte(transfer) if transfer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if start not in {0, have}:
            _discard(partial)
            raise DownloadError(f"{url}: sent bytes from {start} on, asked for {have}", passing=True)
        length = _content_length(transfer)
        total = None if length is None else start + length
        with explained(partial.parent):
            if length is not None and shutil.disk_usage(partial.parent).free < length:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(partial))
            with partial.open("r+b" if start else "wb") as file:
                file.seek(start)
                _write_note(
                    partial, _Begun(url=url, digest=checksum.digest, validator=_validator(transfer), total=total)
                )
                await _receive(transfer, file, start, total, progress, what)
    got = _size(partial)
    if total is not None and got < total:
        raise DownloadError(f"{url}: ended after {got} of {total} bytes", passing=True)
    return start > 0


async def _receive(
    transfer: Transfer, file: BinaryIO, got: int, total: int | None, progress: Progress, what: str
) -> None:
    told_at = -math.inf
    while chunk := await transfer.chunk():
        await trio.to_thread.run_sync(file.write, chunk)
        got += len(chunk)
        if trio.current_time() - told_at >= REPORT_EVERY_S:
            told_at = trio.current_time()
            of = "" if total is None else f" of {total / 1e6:.0f}"
            progress(f"{what}: downloading, {got / 1e6:.0f}{of} MB", None if not total else got / total)


def _content_length(transfer: Transfer) -> int | None:
    value = transfer.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _first_byte(transfer: Transfer) -> int:
    match = re.match(r"bytes (\d+)-", transfer.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _validator(transfer: Transfer) -> str:
    """What If-Range may carry: a strong ETag, else a date."""
    etag: str = transfer.headers.get("ETag", "")
    return etag if etag.startswith('"') else transfer.headers.get("Last-Modified", "")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _note(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _write_note(partial: Path, begun: _Begun) -> None:
    _note(partial).write_text(json.dumps(attrs.asdict(begun)))


def _read_note(partial: Path) -> _Begun | None:
    try:
        return _Begun(**json.loads(_note(partial).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _note(partial).unlink(missing_ok=True)
