"""The datastore on real SQLite files: what a slow, locked or full one looks like, and that nobody misses a change."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin_host import mask, real_line

from runner.standin import bootstrap, datastore, registry
from runner.standin.apiserver import ApiServer
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer


class Output:
    """A printer that writes to a file, and what is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT)
        self.printer = Printer(self._fd)

    def text(self) -> str:
        return mask(self._path.read_text())

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    made = Output(tmp_path / "output")
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path, output: Output) -> Iterator[datastore.Datastore]:
    made = datastore.Datastore(f"{tmp_path}/db", output.printer)
    made.open()
    yield made
    made.close()


@pytest.fixture
def locked(store: datastore.Datastore, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody else holds the database, for longer than anybody waits."""
    monkeypatch.setattr(datastore, "BUSY_TIMEOUT_S", 0.01)
    store._idle.clear()  # connections made before have the long timeout
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    yield
    holder.close()


def test_what_is_written_is_read_again(store: datastore.Datastore) -> None:
    first = store.create("/registry/a/x", b"1")
    assert store.update("/registry/a/x", b"2") > first
    store.create("/registry/b/y", b"3")
    assert store.get("/registry/a/x") == b"2"
    assert store.get("/registry/a/none") is None
    assert store.scan("/registry/a/") == [("/registry/a/x", b"2")]
    assert store.scan("/registry/") == [("/registry/a/x", b"2"), ("/registry/b/y", b"3")]


def test_a_key_is_created_once(store: datastore.Datastore) -> None:
    store.create("/k", b"1")
    with pytest.raises(datastore.KeyExistsError):
        store.create("/k", b"2")
    assert store.get("/k") == b"1"


def test_of_two_changes_to_the_same_revision_one_wins(store: datastore.Datastore) -> None:
    store.create("/k", b"1")
    before = store._latest("/k")
    assert before is not None
    store.update("/k", b"2")
    with pytest.raises(datastore.KeyExistsError):
        store._write("/k", b"3", old=before)
    assert store.get("/k") == b"2"


def test_a_watch_sees_changes_below_its_prefix_until_the_end(store: datastore.Datastore) -> None:
    watch = store.watch("/registry/a/")
    store.create("/registry/a/x", b"1")
    store.create("/registry/b/y", b"2")
    store.update("/registry/a/x", b"3")
    store.close()
    assert list(watch) == [("/registry/a/x", b"1"), ("/registry/a/x", b"3")]
    assert list(store.watch("/registry/")) == []


def test_many_writers_lose_nothing(store: datastore.Datastore) -> None:
    def write(worker: int) -> None:
        for number in range(10):
            store.create(f"/registry/w{worker}/{number}", b"x")

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.scan("/registry/")) == 80


@pytest.mark.usefixtures("locked")
def test_a_locked_database_is_reported_in_k3s_words(store: datastore.Datastore, output: Output) -> None:
    objects = registry.Registry(store, output.printer)
    with pytest.raises(registry.ApiError, match=r"^rpc error: code = Unknown desc = database is locked$"):
        objects.create("/registry/priorityclasses/system-node-critical", "PriorityClass", "scheduling.k8s.io/v1", {})
    printed = output.text()
    assert same_target(mask(real_line("slow-disk", '"logger":"etcd-client"'))) in same_target(printed)
    assert mask(real_line("slow-disk", "status.go:71")) in printed
    key = r"\"/registry/priorityclasses/system-node-critical\""
    assert (
        f'msg="error in txn compare:<target:MOD key:{key} mod_revision:0 > success:<request_put:<key:{key}' in printed
    )
    assert ' > > : database is locked"' in printed


def same_target(text: str) -> str:
    return text.replace("etcd-endpoints://0x/", "etcd-endpoints://")


class ExitedError(Exception):
    """Stands for the end of the process."""


@pytest.mark.usefixtures("locked")
def test_the_hook_that_cannot_write_kills_the_process(
    store: datastore.Datastore, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "HOOK_INTERVAL_S", 0.0)

    def exited(_self: Lifecycle, code: int) -> None:
        raise ExitedError(code)

    monkeypatch.setattr(Lifecycle, "exit_now", exited)
    lifecycle = Lifecycle(output.printer)
    objects = registry.Registry(store, output.printer)
    api = ApiServer(objects, output.printer, lifecycle)
    # A locked database in WAL mode can be read, so the hook gets as far as its create, as in the recorded run.
    with pytest.raises(ExitedError, match="2"):
        bootstrap.Bootstrap(objects, api, output.printer, lifecycle)._priority_class_hook()
    assert not api.ready.opened
    assert mask(real_line("slow-disk", "hooks.go:204", more=2)) in output.text()


def test_the_hook_gives_up_when_the_classes_cannot_be_looked_up(
    store: datastore.Datastore, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "HOOK_INTERVAL_S", 0.0)
    monkeypatch.setattr(bootstrap, "HOOK_LIMIT_S", 0.05)
    with sqlite3.connect(store.path) as database:
        database.execute("DROP TABLE kine")
    database.close()
    lifecycle = Lifecycle(output.printer)
    objects = registry.Registry(store, output.printer)
    hook = bootstrap.Bootstrap(objects, ApiServer(objects, output.printer, lifecycle), output.printer, lifecycle)
    with pytest.raises(registry.ApiError, match="timed out waiting for the condition"):
        hook.add_priority_classes()
    assert "unable to get PriorityClass system-node-critical: rpc error" in output.text()


@pytest.mark.parametrize(
    ("info_ns", "warning_ns", "needle"),
    [(0, 10**12, 'level=info msg="Slow SQL'), (0, 0, 'level=warning msg="Slow SQL')],
)
def test_a_slow_statement_is_reported_as_kine_reports_it(
    store: datastore.Datastore,
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
    info_ns: int,
    warning_ns: int,
    needle: str,
) -> None:
    store.create("/quick", b"1")
    assert "Slow SQL" not in output.text()
    monkeypatch.setattr(datastore, "SLOW_INFO_NS", info_ns)
    monkeypatch.setattr(datastore, "SLOW_WARNING_NS", warning_ns)
    store.create("/slow", b"1")
    assert mask(real_line("slow-disk", needle)) in output.text()


def test_a_file_that_is_no_database_is_named(tmp_path: Path, output: Output) -> None:
    (tmp_path / "state.db").write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(datastore.DatastoreError, match=r"state.db: file is not a database"):
        datastore.Datastore(str(tmp_path), output.printer).open()


def test_not_ready_until_the_hook_is_done(store: datastore.Datastore, output: Output) -> None:
    api = ApiServer(registry.Registry(store, output.printer), output.printer, Lifecycle(output.printer))
    status, _, body = api.answer("/readyz?verbose")
    assert status == 500
    assert "[+]etcd ok\n" in body
    assert f"[-]{'poststarthook/scheduling/bootstrap-system-priority-classes'} failed: reason withheld\n" in body
    assert body.endswith("readyz check failed\n")
    api.ready.open()
    assert api.answer("/readyz") == (200, "text/plain; charset=utf-8", "ok")


@pytest.mark.usefixtures("locked")
def test_a_shutdown_lets_nobody_wait(output: Output) -> None:
    lifecycle = Lifecycle(output.printer)
    gate = lifecycle.gate()
    lifecycle.component_exited("flannel", "reason")
    lifecycle.component_exited("kubelet", "too late")
    assert gate.wait() is False
    assert "flannel exited: reason" in output.text()
    assert "too late" not in output.text()


def test_an_unforeseen_error_ends_the_process(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    lifecycle = Lifecycle(output.printer)

    def broken() -> None:
        raise LookupError("nobody thought of this")

    lifecycle.start("kubelet", broken)
    assert lifecycle.run_until_stopped(lambda: None) == 1
    assert "Error: kubelet: LookupError('nobody thought of this')" in output.text()
