"""Downloads over TLS: trust, proxies that tunnel, and no way down to plain HTTP."""

import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest

from runner.supply import download
from runner.supply.download import published_checksum
from runner.supply.transfer import DownloadError, Transfer

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
DIGEST = "ab" * 32


class Answers(BaseHTTPRequestHandler):
    """Serves a checksum file and a redirect to plain HTTP; as a proxy, tunnels."""

    tunnelled: list[str]

    def do_GET(self) -> None:
        body = f"{DIGEST}  k3s\n".encode()
        self.send_response(302 if self.path == "/down" else 200)
        self.send_header("Location", "http://127.0.0.1/sums")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self.tunnelled.append(self.path)
        host, _, port = self.path.partition(":")
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with socket.create_connection((host, int(port))) as far:
            while True:
                ready, _, _ = select.select([far, self.connection], [], [], 10)
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    (self.connection if one is far else far).sendall(data)

    def log_message(self, *_: object) -> None:
        pass


@attrs.frozen(kw_only=True)
class Secure:
    """A TLS server and the certificate to trust it by."""

    url: str
    certificate: Path


def serving(context: ssl.SSLContext | None) -> tuple[ThreadingHTTPServer, Callable[[], None]]:
    class Quiet(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            """A client that does not trust us hangs up: that is the test."""

        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = super().get_request()
            # Handshake in the handler's thread: here a client that hangs up would end the server.
            secured = (
                context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                if context
                else connection
            )
            return secured, address

    server = Quiet(("127.0.0.1", 0), type("Mine", (Answers,), {"tunnelled": []}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server, stop


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secure]:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download, "FIRST_PAUSE_S", 0.001)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    alternatives = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *alternatives], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server, stop = serving(context)
    yield Secure(url=f"https://127.0.0.1:{server.server_address[1]}", certificate=certificate)
    stop()


async def test_a_certificate_that_is_not_trusted_is_refused_at_once_with_advice(secure: Secure) -> None:
    with pytest.raises(
        DownloadError, match=r"its certificate is not trusted \(self.signed certificate\).*SSL_CERT_FILE"
    ) as caught:
        await published_checksum(f"{secure.url}/sums", "k3s", "sha256")
    assert not caught.value.passing


async def test_ssl_cert_file_is_honoured(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    assert (await published_checksum(f"{secure.url}/sums", "k3s", "sha256")).digest == DIGEST


async def test_a_redirect_from_https_to_http_is_refused(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    with pytest.raises(DownloadError, match=r"redirected from https to http://127\.0\.0\.1/sums, which is not secure"):
        async with Transfer(f"{secure.url}/down"):
            pass


async def test_https_goes_through_the_proxys_tunnel(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, stop = serving(None)
    try:
        monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        assert (await published_checksum(f"{secure.url}/sums", "k3s", "sha256")).digest == DIGEST
        assert [f"https://{place}" for place in proxy.RequestHandlerClass.tunnelled] == [secure.url]  # type: ignore[attr-defined]
    finally:
        stop()
