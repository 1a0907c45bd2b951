"""Connections are passed on whole, in both directions, and a server that is not there closes them."""

from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from runner.up.forward import UnreachableError, forward, listen, port_of, socket_in


@asynccontextmanager
async def forwarded_to(port: int):
    listener = await listen(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forward, listener, "127.0.0.1", port, None)
        async with await trio.open_tcp_stream("127.0.0.1", port_of(listener)) as stream:
            yield stream
        nursery.cancel_scope.cancel()


async def shout_back(stream: trio.SocketStream) -> None:
    heard = b"".join([chunk async for chunk in stream])
    await stream.send_all(heard.upper())
    await stream.aclose()


@pytest.mark.trio
async def test_what_is_sent_arrives_and_so_does_the_answer_after_the_end_of_what_was_sent() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, shout_back, 0, host="127.0.0.1"))
        async with forwarded_to(port_of(listeners[0])) as stream:
            await stream.send_all(b"a" * 300_000)
            await stream.send_eof()
            assert b"".join([chunk async for chunk in stream]) == b"A" * 300_000
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_server_that_is_not_there_ends_the_connection_and_not_the_forwarding() -> None:
    unused = await listen(0)
    port = port_of(unused)
    await unused.aclose()
    async with forwarded_to(port) as stream:
        try:
            ended = await stream.receive_some() == b""
        except trio.BrokenResourceError:
            ended = True
        assert ended


@pytest.mark.trio
async def test_a_taken_port_is_refused_with_what_to_do() -> None:
    listener = await listen(0)
    with pytest.raises(UnreachableError, match="--port, or 0 for a free one"):
        await listen(port_of(listener))
    await listener.aclose()


def test_a_sandbox_that_is_gone_is_said_to_be(tmp_path) -> None:
    with pytest.raises(UnreachableError, match=r"cannot enter .*: No such file"):
        socket_in(tmp_path / "net")
