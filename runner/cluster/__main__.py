"""``python -m runner.cluster``: run the upstream components until one ends or SIGTERM comes."""

import os
import signal
import socket
import sys

import trio

from runner.cluster.components import components, containerd_config
from runner.cluster.settings import Settings, parse
from runner.cluster.supervise import Supervisor

EXIT_COMPONENT_ENDED = 1
EXIT_NO_NETWORK = 2
# Of the block for documentation: a datagram socket "connected" to it sends nothing, but chooses our own address.
SOMEWHERE = ("192.0.2.1", 9)


def main(argv: list[str]) -> int:
    """Run a cluster; 1 when a component ended by itself, 0 when it was told to stop."""
    try:
        address = own_address()
    except OSError as error:
        say(f"this machine has no address that a node could have (no default route?): {error.strerror}")
        return EXIT_NO_NETWORK
    settings = parse(argv, node=socket.gethostname().lower(), address=address)
    return trio.run(_run, settings)


def own_address() -> str:
    """The address from which this machine would reach the world.

    Raises:
        OSError: There is no route.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(SOMEWHERE)
        return str(probe.getsockname()[0])


def say(line: str) -> None:
    """Write one whole line; a full pipe holds everything back, nothing is lost."""
    data = line.encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


async def _run(settings: Settings) -> int:
    for directory in (settings.pki, settings.run, settings.datastore_directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (settings.configuration / "containerd.toml").write_text(containerd_config(settings))
    supervisor = Supervisor(
        components(settings), settings.datastore_directory, say, settings.images if settings.agent else None
    )
    pki_ready, stop = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, stop)
        nursery.start_soon(_write_pki, settings, pki_ready)
        ended = await supervisor.run(pki_ready, stop)
        nursery.cancel_scope.cancel()
    if ended is None:
        return 0
    say(f"{ended.component} {ended.how}; a cluster without it is none, so everything was stopped")
    return EXIT_COMPONENT_ENDED


async def _write_pki(settings: Settings, ready: trio.Event) -> None:
    # The datastore and containerd, which need no certificate, are started before this import takes its time.
    await trio.lowlevel.checkpoint()
    from runner.cluster.credentials import write_credentials  # noqa: PLC0415

    write_credentials(settings)
    ready.set()


async def _stop_on_signal(stop: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
