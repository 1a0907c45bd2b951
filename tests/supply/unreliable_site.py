"""A web site on this machine that can be as bad as a real one."""

import hashlib
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs


@attrs.define
class Page:
    """What the site serves under one path, and how badly.

    Attributes:
        body: The bytes.
        etag: Its ETag, quotes included; empty for none.
        statuses: Statuses to answer with, one a request, before the page is served.
        cut_after: Bytes of the body after which the connection is dropped, one a request; then all of it is sent.
        hold_after: Bytes of the body after which the server waits for ``Site.release``.
        ranges: Whether Range is understood.
        sized: Whether Content-Length is sent.
        location: Where it redirects to; empty for no redirect.
    """

    body: bytes
    etag: str = '"v1"'
    statuses: list[int] = attrs.Factory(list)
    cut_after: list[int] = attrs.Factory(list)
    hold_after: int | None = None
    ranges: bool = True
    sized: bool = True
    location: str = ""


@attrs.define
class Asked:
    """A request that came in."""

    path: str
    range: str


class Site:
    """The pages, and what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.held = threading.Event()
        self.release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def times(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    def publish(self, directory: str, name: str, body: bytes, *, listing: str, algorithm: str) -> Page:
        """Put up an artefact with a true checksum file beside it."""
        digest = hashlib.new(algorithm, body).hexdigest()
        self.pages[f"{directory}/{listing}"] = Page(f"{'0' * len(digest)}  other\n{digest}  {name}\n".encode())
        self.pages[f"{directory}/{name}"] = Page(body)
        return self.pages[f"{directory}/{name}"]


class _Handler(BaseHTTPRequestHandler):
    """Answers for the site that ``partial`` bound in."""

    def __init__(self, site: Site, *arguments: Any) -> None:
        self._site = site
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._site.asked.append(Asked(self.path, self.headers.get("Range", "")))
        page = self._site.pages.get(self.path)
        try:
            if page is None:
                self.send_error(404)
            elif page.statuses:
                self.send_error(page.statuses.pop(0))
            elif page.location:
                self.send_response(302)
                self.send_header("Location", page.location)
                self.end_headers()
            else:
                self._serve(page)
        except OSError:
            self.close_connection = True  # the client went away: some tests do just that

    def _serve(self, page: Page) -> None:
        start = self._start(page)
        if start > len(page.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(page.body) - 1}/{len(page.body)}")
        if page.etag:
            self.send_header("ETag", page.etag)
        if page.sized:
            self.send_header("Content-Length", str(len(page.body) - start))
        self.end_headers()
        body = page.body[start:]
        if page.cut_after:
            self.wfile.write(body[: page.cut_after.pop(0)])
            return
        if page.hold_after is not None:
            self.wfile.write(body[: page.hold_after])
            self.wfile.flush()
            body = body[page.hold_after :]
            self._site.held.set()
            self._site.release.wait(30)
        self.wfile.write(body)

    def _start(self, page: Page) -> int:
        wanted = self.headers.get("Range", "")
        if not wanted or not page.ranges or self.headers.get("If-Range") != page.etag:
            return 0
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def log_message(self, *_: Any) -> None:
        pass
