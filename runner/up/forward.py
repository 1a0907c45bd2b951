"""Lets programs of this machine connect to a port inside a sandbox, whose network is a namespace that leads nowhere.

A socket belongs to the network namespace that it was made in, and works from anywhere: so one is made in the sandbox's
outer namespace, behind the far end of its only link, and everything else stays an ordinary program out here. Tried before
and dropped: a veth pair into the machine's own namespace, which a kill would leave behind.
"""

import socket
import threading
from pathlib import Path

import trio

from runner.intercept import libc

CLONE_NEWNET = 0x40000000
CHUNK = 2**16


class UnreachableError(Exception):
    """There is no way into the sandbox; the message says why."""


def socket_in(namespace: Path) -> socket.socket:
    """A TCP socket of another network namespace.

    Args:
        namespace: Its file, e.g. ``/proc/PID/ns/net``.

    Raises:
        UnreachableError: The namespace is gone, or the kernel refuses.
    """
    made: list[socket.socket | OSError] = []

    def make() -> None:
        # In a thread that ends: a thread's namespace is its own, and nobody has to find the way back.
        try:
            with namespace.open("rb") as file:
                libc.setns(file.fileno(), CLONE_NEWNET)
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make, name="socket-in-namespace")
    thread.start()
    thread.join()
    (result,) = made
    if isinstance(result, OSError):
        raise UnreachableError(f"cannot enter {namespace}: {result.strerror}")
    return result


async def forward(listener: trio.SocketListener, address: str, port: int, namespace: Path | None) -> None:
    """Pass every connection on, until cancelled.

    Args:
        listener: Where programs of this machine connect.
        address: IPv4 address inside.
        port: Port inside.
        namespace: Network namespace that can reach the address; None is this one.
    """

    async def serve(client: trio.SocketStream) -> None:
        async with client:
            try:
                raw = socket_in(namespace) if namespace else socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                server = trio.socket.from_stdlib_socket(raw)
                with server:
                    await server.connect((address, port))
                    await _both_ways(client, trio.SocketStream(server))
            except (OSError, UnreachableError):
                # The client sees its connection closed, as with any server that went away.
                pass

    async with listener:
        await trio.serve_listeners(serve, [listener])


async def _both_ways(client: trio.SocketStream, inside: trio.SocketStream) -> None:
    async with inside, trio.open_nursery() as nursery:
        nursery.start_soon(_copy, client, inside)
        nursery.start_soon(_copy, inside, client)


async def _copy(source: trio.SocketStream, target: trio.SocketStream) -> None:
    try:
        async for chunk in source:
            await target.send_all(chunk)
        await target.send_eof()
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        await trio.aclose_forcefully(source)
        await trio.aclose_forcefully(target)


async def listen(port: int) -> trio.SocketListener:
    """A loopback port of this machine; 0 takes a free one.

    Raises:
        UnreachableError: The port is taken.
    """
    try:
        (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
    except OSError as error:
        raise UnreachableError(
            f"port {port} of 127.0.0.1 cannot be taken ({error.strerror}); choose another with --port, or 0 for a free one"
        ) from error
    return listener


def port_of(listener: trio.SocketListener) -> int:
    """The port that a listener got."""
    return int(listener.socket.getsockname()[1])
