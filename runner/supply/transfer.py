"""One HTTP request whose every wait can be given up, on top of the standard library's urllib.

Why urllib: the project downloads four files from two hosts. urllib speaks HTTP(S)_PROXY, NO_PROXY, CONNECT, redirects
and the system's certificates, adds no dependency, and cannot fall out of maintenance. httpx is BSD and knows trio,
but has had no release for a long time, and its maintained fork httpx2 is young; h11 alone would leave TLS, proxies
and redirects to us. The price: urllib blocks. So every blocking call is one step in a worker thread that trio may
abandon, and an abandoned step only ever touches its own connection, never a file. A policy (how often, what to do
with the bytes) has no place here.
"""

import http.client
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import IO, Self, TypeVar

import trio

CONNECT_S = 3.0
STALL_S = 15.0
CHUNK = 1 << 18
AGENT = "k3s-in-gvisor-runner"

T = TypeVar("T")

_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class DownloadError(Exception):
    """A file cannot be had from a server; the text names the URL and the reason.

    Attributes:
        passing: Trying again may help.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class UnreachableError(DownloadError):
    """No connection to the server (or to the proxy) at all: no network, or it is filtered."""


class RangeRefusedError(DownloadError):
    """The server does not have the bytes that were asked for (HTTP 416)."""


class _KeepSecure(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https down to http: the checksum may travel the same way."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            fp.close()
            raise urllib.error.URLError(f"redirected from https to {newurl}, which is not secure")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # Built by hand: build_opener would also open file: and ftp: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _KeepSecure(),
    ):
        opener.add_handler(handler)
    return opener


def endpoint(url: str) -> tuple[str, int]:
    """Host and port that a request for a URL really connects to: the proxy's, where one is set and not bypassed.

    Raises:
        DownloadError: The URL is not http or https, or names no host.
    """
    parts = _split(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.netloc):
        parts = _split(proxy if "://" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
        parts = urllib.parse.SplitResult("", "", "", "", "")
    if not usable:
        raise DownloadError(
            f"{url!r} is not an http:// or https:// address; correct the environment variable it comes from"
        )
    return parts


async def reach(url: str, timeout_s: float = CONNECT_S) -> None:
    """Connect once to where a URL leads, and hang up: tells in seconds that there is no network.

    Raises:
        UnreachableError: No connection within timeout_s seconds, name resolution included.
    """
    host, port = endpoint(url)
    with trio.move_on_after(timeout_s) as limit:
        try:
            stream = await trio.open_tcp_stream(host, port)
        except OSError as error:
            raise UnreachableError(f"no connection to {host}:{port}: {error.strerror or error}") from error
        await trio.aclose_forcefully(stream)
    if limit.cancelled_caught:
        raise UnreachableError(f"no connection to {host}:{port} within {timeout_s:g} s")


class Transfer:
    """One request and its answer, read a piece at a time. Use as ``async with Transfer(url) as transfer``.

    Attributes:
        status: The HTTP status, 2xx.
        headers: The answer's headers.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        _split(url)
        self._url = url
        self._request = urllib.request.Request(  # noqa: S310  _split has refused everything but http and https
            url, headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})}
        )
        self._response: http.client.HTTPResponse | None = None
        self._lock = threading.Lock()
        self._closing = False
        self._busy = False
        self.status = 0
        self.headers: Message = Message()

    async def __aenter__(self) -> Self:
        """Send the request and read the answer's head.

        Raises:
            DownloadError: No answer, or one that is an error.
        """
        try:
            response = await self._step(self._open)
        except BaseException:
            self._close()
            raise
        self.status, self.headers = response.status, response.headers
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def chunk(self) -> bytes:
        """The next bytes of the body; empty at its end (which may come too early: compare with Content-Length).

        Raises:
            DownloadError: The connection broke or stalled.
        """
        return await self._step(self._read)

    async def _step(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            with self._lock:
                if self._closing:
                    raise ConnectionAbortedError(self._url)
                self._busy = True
            try:
                return work()
            finally:
                with self._lock:
                    self._busy = False
                    if self._closing:
                        self._discard()

        try:
            with trio.fail_after(2 * STALL_S):  # the socket's own limit does not cover name resolution
                return await trio.to_thread.run_sync(guarded, abandon_on_cancel=True)
        except (OSError, http.client.HTTPException, trio.TooSlowError) as error:
            raise _translated(self._url, error) from error

    def _open(self) -> http.client.HTTPResponse:
        response: http.client.HTTPResponse = _opener().open(self._request, timeout=STALL_S)
        self._response = response
        return response

    def _read(self) -> bytes:
        return b"" if self._response is None else self._response.read1(CHUNK)

    def _close(self) -> None:
        # A read in progress holds the stream's lock, so closing here would wait for it; the reader closes instead.
        with self._lock:
            self._closing = True
            if not self._busy:
                self._discard()

    def _discard(self) -> None:
        if self._response is not None:
            self._response.close()


def _translated(url: str, error: Exception) -> DownloadError:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return RangeRefusedError(f"{url}: HTTP {error.code} {error.reason}")
        return DownloadError(f"{url}: HTTP {error.code} {error.reason}", passing=error.code in _PASSING_STATUS)
    reason: object = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(error, trio.TooSlowError) or isinstance(reason, TimeoutError):
        return DownloadError(f"{url}: the server sent nothing for {STALL_S:g} s", passing=True)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"{url}: its certificate is not trusted ({reason.verify_message}); behind an inspecting proxy, "
            "set SSL_CERT_FILE to the proxy's CA certificate"
        )
    if isinstance(reason, str):  # urllib's own refusals: an insecure redirect, an unknown kind of proxy
        return DownloadError(f"{url}: {reason}")
    return DownloadError(f"{url}: {reason or type(reason).__name__}", passing=True)
