"""Waits until a component answers: a socket that accepts, or an API path that says 200.

There is no event for either, so they are asked ten times a second. Nothing here gives up: that a component never answers
is for the run's deadline to find, and its end is seen by whoever started it.
"""

import base64
import re
import ssl
import tempfile
from pathlib import Path

import attrs
import trio

ASK_EVERY_S = 0.1
ANSWER_WITHIN_S = 5.0
LOOPBACK = "127.0.0.1"


@attrs.frozen(kw_only=True)
class Socket:
    """Accepts a connection, on a unix socket's path or a loopback port."""

    path: str = ""
    port: int = 0


@attrs.frozen(kw_only=True)
class Api:
    """Answers a GET with 200.

    Attributes:
        port: On loopback, with TLS.
        path: Of the request.
        kubeconfig: Whose certificate is shown.
    """

    port: int
    path: str
    kubeconfig: str


Answer = Socket | Api


async def until_it_answers(answer: Answer) -> None:
    """Ask until there is an answer."""
    while True:
        with trio.move_on_after(ANSWER_WITHIN_S):
            if await _answers(answer):
                return
        await trio.sleep(ASK_EVERY_S)


async def _answers(answer: Answer) -> bool:
    try:
        if isinstance(answer, Api):
            return await _says_ok(answer)
        if answer.path:
            stream: trio.abc.Stream = await trio.open_unix_socket(answer.path)
        else:
            stream = await trio.open_tcp_stream(LOOPBACK, answer.port)
        await stream.aclose()
    except (OSError, ssl.SSLError, trio.BrokenResourceError):
        return False
    return True


async def _says_ok(answer: Api) -> bool:
    context = _client_context(Path(answer.kubeconfig))
    stream = await trio.open_ssl_over_tcp_stream(LOOPBACK, answer.port, ssl_context=context, https_compatible=True)
    async with stream:
        # HTTP/1.0: the server closes after its answer, of which the first line is all that is wanted.
        await stream.send_all(f"GET {answer.path} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode())
        said = bytes(await stream.receive_some(4096))
    return re.match(rb"HTTP/1\.\d 200 ", said) is not None


def _client_context(kubeconfig: Path) -> ssl.SSLContext:
    fields = dict(re.findall(r"(\S+)-data: (\S+)", kubeconfig.read_text()))
    authority, certificate, key = (
        base64.b64decode(fields[name]).decode()
        for name in ("certificate-authority", "client-certificate", "client-key")
    )
    context = ssl.create_default_context(cadata=authority)
    # load_cert_chain reads files only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
        both.write(certificate + key)
        both.flush()
        context.load_cert_chain(both.name)
    return context
