"""Certificates and kubeconfigs: what Kubernetes reads out of them, and that TLS believes them."""

import datetime as dt
import ssl
import stat
from pathlib import Path

import attrs
import pytest
import trio
from cryptography import x509
from cryptography.x509.oid import NameOID

from runner.cluster.credentials import write_credentials
from runner.cluster.pki import Pair, authority, issue
from runner.cluster.settings import Settings
from runner.cluster.waiting import Api, Socket, until_it_answers
from runner.host.clock import RunClock
from runner.host.witness import ApiWitness
from runner.model.events import AnyEvent, WitnessSeen

NOW = dt.datetime.now(dt.UTC)
SETTINGS = Settings(programs=Path("/p"), datastore_program=Path("/d"), node="runsc", address="192.168.10.2")


@pytest.fixture
def written(tmp_path: Path) -> Settings:
    settings = attrs.evolve(SETTINGS, configuration=tmp_path)
    write_credentials(settings)
    return settings


def names(pair: Pair, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in pair.certificate.subject.get_attributes_for_oid(oid)]


def test_user_and_groups_stand_where_kubernetes_looks_for_them() -> None:
    root = authority("kubernetes", NOW)
    kubelet = issue(root, "system:node:runsc", NOW, groups=("system:nodes",))
    assert names(kubelet, NameOID.COMMON_NAME) == ["system:node:runsc"]
    assert names(kubelet, NameOID.ORGANIZATION_NAME) == ["system:nodes"]
    kubelet.certificate.verify_directly_issued_by(root.certificate)


def test_a_certificate_holds_an_hour_ago_for_a_sandbox_whose_clock_lags() -> None:
    pair = authority("kubernetes", NOW)
    assert pair.certificate.not_valid_before_utc <= NOW - dt.timedelta(minutes=59)


def test_two_clusters_have_nothing_in_common() -> None:
    assert authority("kubernetes", NOW).key_pem != authority("kubernetes", NOW).key_pem


def test_keys_can_be_read_by_their_owner_alone(written: Settings) -> None:
    secrets = [*written.pki.glob("*.key"), *written.configuration.glob("*.conf")]
    assert len(secrets) > 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_the_key_of_service_accounts_is_in_the_form_that_the_api_server_takes(written: Settings) -> None:
    # As PKCS 8 it is refused: "data does not contain any valid RSA or ECDSA public keys".
    assert (written.pki / "sa.key").read_text().startswith("-----BEGIN EC PRIVATE KEY-----")


@pytest.fixture
async def api(written: Settings, nursery: trio.Nursery) -> int:
    """An API server's port: it wants a client certificate, and answers 500 once, then 200."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(written.pki / "ca.crt"))
    context.load_cert_chain(written.pki / "apiserver.crt", written.pki / "apiserver.key")
    context.verify_mode = ssl.CERT_REQUIRED
    answers = ["500 Internal Server Error"]

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        async with stream:
            await stream.receive_some(4096)
            status = answers.pop() if answers else "200 OK"
            await stream.send_all(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())

    (listener,) = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", https_compatible=True)
    nursery.start_soon(trio.serve_listeners, serve, [listener])
    transport = listener.transport_listener
    assert isinstance(transport, trio.SocketListener)
    port: int = transport.socket.getsockname()[1]
    return port


@pytest.mark.trio
async def test_the_wait_ends_when_the_api_says_200_and_not_before(written: Settings, api: int) -> None:
    with trio.fail_after(20):
        await until_it_answers(Api(port=api, path="/readyz", kubeconfig=str(written.kubeconfig("admin"))))


@pytest.mark.trio
async def test_the_runs_own_witness_reads_the_admins_kubeconfig(written: Settings, api: int) -> None:
    send, receive = trio.open_memory_channel[AnyEvent](100)
    witness = ApiWitness(api, written.kubeconfig("admin"), RunClock(0.0), send.send)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(witness.watch)
        with trio.fail_after(20):
            async for event in receive:
                if isinstance(event, WitnessSeen) and event.milestone == "apiserver-serving":
                    break
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_socket_is_waited_for_until_it_accepts(tmp_path: Path, nursery: trio.Nursery) -> None:
    path = tmp_path / "socket"
    answered = trio.Event()

    async def wait() -> None:
        await until_it_answers(Socket(path=str(path)))
        answered.set()

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    assert not answered.is_set()
    listener = trio.SocketListener(await _listening(path))
    nursery.start_soon(trio.serve_listeners, trio.aclose_forcefully, [listener])
    with trio.fail_after(20):
        await answered.wait()


async def _listening(path: Path) -> trio.socket.SocketType:
    socket = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await socket.bind(str(path))
    socket.listen()
    return socket
