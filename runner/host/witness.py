"""Asks the API server itself how far it is, so that a milestone does not rest on a log line alone.

Over loopback, with the workload's own admin kubeconfig where there is one, and over one connection as long as it holds: a
new one for each look costs a TLS handshake at both ends, on the processors that the workload needs for its start. An API
that does not answer yet is not an error: it is asked again until the run ends.
"""

import base64
import json
import re
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h11
import trio

from runner.host.clock import RunClock
from runner.model.events import AnyEvent, WitnessSeen
from runner.model.kinds import Milestone

Send = Callable[[AnyEvent], Awaitable[None]]

# The API server needs seconds to come up; asked twice a second it costs nothing measurable and is confirmed in time.
ASK_EVERY_S = 0.5
ANSWER_WITHIN_S = 5.0
OK = 200
PRIORITY_CLASS_HOOK = "poststarthook/scheduling/bootstrap-system-priority-classes"


class NoAnswerError(Exception):
    """The API could not be asked now; it may be later."""


class ApiWitness:
    """Confirms milestones by the API's answers.

    Args:
        port: Loopback port of the API.
        kubeconfig: The admin kubeconfig that the workload writes; None for an API without TLS.
        clock: The run's clock.
        send: Where events go.
    """

    def __init__(self, port: int, kubeconfig: Path | None, clock: RunClock, send: Send) -> None:
        self._port = port
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._send = send
        self._tls: ssl.SSLContext | None = None
        self._answered = 0
        self._seen: set[Milestone] = set()

    async def watch(self) -> None:
        """Ask until cancelled."""
        while True:
            with suppress(
                NoAnswerError, OSError, ssl.SSLError, h11.ProtocolError, trio.BrokenResourceError, trio.TooSlowError
            ):
                await self._ask()
            await trio.sleep(ASK_EVERY_S)

    async def _ask(self) -> None:
        """Ask over one connection, again and again until it breaks."""
        with trio.fail_after(ANSWER_WITHIN_S):
            stream = await self._connect()
        async with stream:
            connection = h11.Connection(h11.CLIENT)
            while True:
                with trio.fail_after(ANSWER_WITHIN_S):
                    await self._look(stream, connection)
                await trio.sleep(ASK_EVERY_S)

    async def _look(self, stream: trio.abc.Stream, connection: h11.Connection) -> None:
        status, body = await _get(stream, connection, "/readyz?verbose")
        self._answered += 1
        if f"[+]{PRIORITY_CLASS_HOOK} ok" in body:
            await self._confirm("poststart-hooks-done", f"GET /readyz: {PRIORITY_CLASS_HOOK} ok")
        if status == OK:
            await self._confirm("apiserver-serving", "GET /readyz: 200")
        status, body = await _get(stream, connection, "/api/v1/nodes")
        self._answered += 1
        if status == OK:
            await self._nodes(json.loads(body))
        await self._send(
            WitnessSeen(at_s=self._clock.now_s(), milestone=None, witness="API answered", requests=self._answered)
        )

    async def _nodes(self, listing: dict[str, Any]) -> None:
        for node in listing.get("items") or []:
            name = node["metadata"]["name"]
            await self._confirm("node-registered", f"GET /api/v1/nodes: {name}")
            conditions = node.get("status", {}).get("conditions") or []
            if any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions):
                await self._confirm("node-ready", f"GET /api/v1/nodes: {name} is Ready")

    async def _confirm(self, milestone: Milestone, witness: str) -> None:
        if milestone in self._seen:
            return
        self._seen.add(milestone)
        await self._send(
            WitnessSeen(at_s=self._clock.now_s(), milestone=milestone, witness=witness, requests=self._answered)
        )

    async def _connect(self) -> trio.abc.Stream:
        if self._kubeconfig is None:
            return await trio.open_tcp_stream("127.0.0.1", self._port)
        if self._tls is None:
            self._tls = _client_context(self._kubeconfig)
        return await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", self._port, ssl_context=self._tls, https_compatible=True
        )


async def _get(stream: trio.abc.Stream, connection: h11.Connection, target: str) -> tuple[int, str]:
    if connection.our_state is not h11.IDLE:
        connection.start_next_cycle()
    headers = [("Host", "127.0.0.1"), ("Accept", "application/json")]
    request = connection.send(h11.Request(method="GET", target=target, headers=headers)) or b""
    connection.send(h11.EndOfMessage())
    await stream.send_all(request)
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, body.decode(errors="replace")
        else:
            raise NoAnswerError(f"connection closed while asking {target}")


def _client_context(kubeconfig: Path) -> ssl.SSLContext:
    """A TLS context with the kubeconfig's authority and client certificate.

    The file's own form is k3s's (one cluster, one user, data inline), so three fields are picked out of its text: no YAML
    library needs to be imported in the sandbox for that.
    """
    try:
        text = kubeconfig.read_text()
    except OSError as error:
        raise NoAnswerError(str(error)) from error
    fields = dict(re.findall(r"(certificate-authority-data|client-certificate-data|client-key-data): (\S+)", text))
    try:
        authority, certificate, key = (
            base64.b64decode(fields[name]).decode()
            for name in ("certificate-authority-data", "client-certificate-data", "client-key-data")
        )
    except (KeyError, ValueError) as error:
        raise NoAnswerError(f"{kubeconfig}: not complete yet ({error})") from error
    context = ssl.create_default_context(cadata=authority)
    # load_cert_chain reads files only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
        both.write(certificate + "\n" + key)
        both.flush()
        context.load_cert_chain(both.name)
    return context
