"""A real API server, with a network of its own, for as long as some kubectl commands take: run as a process of its own.

Arguments: directory of the Kubernetes programs, the kine binary, an empty directory. Standard input: a JSON list of commands,
each the words after ``kubectl``; standard output: a JSON list of their exit codes and what they said.
"""

import fcntl
import json
import socket
import struct
import sys
from pathlib import Path

import trio

from runner.cluster.components import components
from runner.cluster.credentials import write_credentials
from runner.cluster.settings import Settings
from runner.cluster.supervise import Supervisor
from runner.cluster.waiting import until_it_answers

WITHIN_S = 90
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


async def main(programs: Path, datastore: Path, directory: Path) -> None:
    loopback_up()
    settings = Settings(
        programs=programs,
        datastore_program=datastore,
        node="nowhere",
        address="127.0.0.1",
        configuration=directory / "etc",
        datastore_directory=directory / "data",
        run=directory / "run",
    )
    for needed in (settings.pki, settings.datastore_directory, settings.run):
        needed.mkdir(parents=True)
    write_credentials(settings)
    wanted = tuple(one for one in components(settings) if one.name in {"kine", "kube-apiserver"})
    answer = wanted[-1].answer
    assert answer is not None
    log = (directory / "components.log").open("w")

    def say(line: str) -> None:
        log.write(f"{line}\n")

    supervisor = Supervisor(wanted, settings.datastore_directory, say)
    ready, stop = trio.Event(), trio.Event()
    ready.set()
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervisor.run, ready, stop)
            await until_it_answers(answer)
            said = []
            for words in json.load(sys.stdin):
                flags = (f"--kubeconfig={settings.kubeconfig('admin')}", f"--cache-dir={directory / 'kubectl'}")
                kubectl = [str(programs / "kubectl"), *flags, *words]
                done = await trio.run_process(kubectl, check=False, capture_stdout=True, capture_stderr=True)
                said.append([done.returncode, done.stdout.decode(), done.stderr.decode()])
            sys.stdout.write(json.dumps(said))
            stop.set()


if __name__ == "__main__":
    trio.run(main, *(Path(word) for word in sys.argv[1:]))
