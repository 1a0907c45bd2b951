"""The API is asked again and again, and nobody pays a new connection for each time."""

import pytest
import trio

from runner.host import witness
from runner.host.clock import RunClock
from runner.host.witness import ApiWitness
from runner.model.events import AnyEvent, WitnessSeen


@pytest.mark.trio
@pytest.mark.parametrize(("answers_each", "connections"), [(100, 1), (2, 3)], ids=["it-holds", "it-is-closed"])
async def test_a_connection_serves_every_look_while_it_holds_and_is_made_anew_when_not(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, answers_each: int, connections: int
) -> None:
    monkeypatch.setattr(witness, "ASK_EVERY_S", 0.001)
    accepted = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal accepted
        accepted += 1
        async with stream:
            for _ in range(answers_each):
                if not await stream.receive_some(4096):
                    break
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, [listener])
    send, receive = trio.open_memory_channel[AnyEvent](100)
    asking = ApiWitness(listener.socket.getsockname()[1], None, RunClock(0.0), send.send)
    nursery.start_soon(asking.watch)
    with trio.fail_after(20):
        async for event in receive:
            # Three looks, of two requests each.
            if isinstance(event, WitnessSeen) and event.milestone is None and event.requests == 6:
                break
    assert accepted == connections
