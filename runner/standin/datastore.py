"""The datastore: kine's SQLite table in miniature, on the file system under test.

Same schema, same pragmas and same one-INSERT-per-change as kine v0.14, so that a slow or full file system shows in
the same way: slow SQL is reported when a statement really took long, "database is locked" when SQLite says so after
30 s.

Every change is also sent to the watches: components wait for objects, never for a time. This module knows keys and
bytes; what they mean is the registry's business.
"""

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runner.standin import go_text
from runner.standin.lines import Printer

SLOW_INFO_NS = 1_000_000_000
SLOW_WARNING_NS = 5_000_000_000
BUSY_TIMEOUT_S = 30.0
# Marks a database file as ours ("stdn"), so that a real k3s's datastore is never written to.
APPLICATION_ID = 0x7374646E

_MAX_IDLE = 2
_TABLE = (
    "CREATE TABLE IF NOT EXISTS kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, "
    "deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB)"
)
_SCHEMA = (
    _TABLE,
    "CREATE INDEX IF NOT EXISTS kine_name_index ON kine (name)",
    "CREATE INDEX IF NOT EXISTS kine_name_id_index ON kine (name,id)",
    "CREATE INDEX IF NOT EXISTS kine_id_deleted_index ON kine (id,deleted)",
    "CREATE INDEX IF NOT EXISTS kine_prev_revision_index ON kine (prev_revision)",
    "CREATE UNIQUE INDEX IF NOT EXISTS kine_name_prev_revision_uindex ON kine (name, prev_revision)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
)
_INSERT = (
    "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
    "values(?, ?, ?, ?, ?, ?, ?, ?)"
)
_GET = "SELECT id, create_revision, value FROM kine WHERE name = ? ORDER BY id DESC LIMIT 1"
_LIST = (
    "SELECT name, value FROM kine WHERE id IN (SELECT MAX(id) FROM kine WHERE name >= ? AND name < ? GROUP BY name) "
    "ORDER BY name"
)


class DatastoreError(Exception):
    """The datastore could not do it; the text is SQLite's, e.g. ``database is locked``."""


class KeyExistsError(Exception):
    """Somebody wrote this key first: it exists already, or is newer than the change was based on."""


class Watch:
    """Changes below a prefix, from the moment it was made; iteration ends when the datastore closes."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._changes: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()

    def send(self, change: tuple[str, bytes] | None) -> None:
        """Called by the datastore; None ends the watch."""
        self._changes.put(change)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        while (change := self._changes.get()) is not None:
            yield change


class Datastore:
    """One SQLite file; every method may be called from any thread.

    Args:
        directory: Folder of the database (``<data-dir>/server/db``), made if missing.
        out: Where slow statements are reported.
    """

    def __init__(self, directory: str, out: Printer) -> None:
        self._directory = directory
        self.path = f"{directory}/state.db"
        self._out = out
        self._started = time.monotonic_ns()
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._watches: list[Watch] = []
        self._closed = False

    def open(self) -> None:
        """Make the file, the table and its indexes.

        Raises:
            DatastoreError: It cannot be made or opened, or the file belongs to somebody else.
        """
        try:
            Path(self._directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DatastoreError(go_text.path_error("mkdir", self._directory, error)) from error
        self._claim()
        self._out.info(
            f"Configuring sqlite3 database connection pooling: maxIdleConns={_MAX_IDLE}, maxOpenConns=0, "
            "connMaxLifetime=0s"
        )
        self._out.info("Configuring database table schema and indexes, this may take a moment...")
        for statement in _SCHEMA:
            self._execute(statement, ())
        self._out.info("Database tables and indexes are up to date")

    def create(self, key: str, value: bytes) -> int:
        """Write a new key; returns its revision.

        Raises:
            KeyExistsError: The key is there already.
            DatastoreError: SQLite could not write it.
        """
        return self._write(key, value, old=(0, 0, b""))

    def update(self, key: str, value: bytes) -> int:
        """Write an existing key again; returns the new revision.

        Raises:
            KeyExistsError: Another writer came in between.
            DatastoreError: The key is not there, or SQLite could not write it.
        """
        row = self._latest(key)
        if row is None:
            raise DatastoreError(f"key not found: {key}")
        return self._write(key, value, old=row)

    def get(self, key: str) -> bytes | None:
        """The newest value of a key, or None.

        Raises:
            DatastoreError: SQLite could not read.
        """
        row = self._latest(key)
        return row[2] if row else None

    def scan(self, prefix: str) -> list[tuple[str, bytes]]:
        """The newest values of all keys that begin with the prefix, by key.

        Raises:
            DatastoreError: SQLite could not read.
        """
        rows = self._execute(_LIST, (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)))[0]
        return [(str(name), bytes(value)) for name, value in rows]

    def watch(self, prefix: str) -> Watch:
        """Changes below the prefix from now on; scan after this call, and nothing is missed."""
        watch = Watch(prefix)
        with self._lock:
            if self._closed:
                watch.send(None)
            else:
                self._watches.append(watch)
        return watch

    def close(self) -> None:
        """End the watches and close the idle connections, with kine's lines."""
        with self._lock:
            self._closed = True
            watches, self._watches = self._watches, []
            idle, self._idle = self._idle, []
        for watch in watches:
            watch.send(None)
        self._out.info("TTL events watch channel closed")
        self._out.info("Closing database connections...")
        for connection in idle:
            connection.close()

    def _claim(self) -> None:
        """Refuse a database of somebody else, having only looked at it; mark a new one as ours."""
        if Path(self.path).exists():
            try:
                # immutable: no log is replayed and no lock taken, so that not even the file's time changes.
                with contextlib.closing(sqlite3.connect(f"file:{quote(self.path)}?immutable=1", uri=True)) as reader:
                    found = reader.execute("PRAGMA application_id").fetchone()[0]
                    tables = reader.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            except sqlite3.Error as error:
                raise DatastoreError(f"{self.path}: {error}") from error
            if tables and found != APPLICATION_ID:
                raise DatastoreError(f"{self.path} was not made by k3s-standin: choose another --data-dir")
        self._execute(f"PRAGMA application_id = {APPLICATION_ID}", ())

    def _latest(self, key: str) -> tuple[int, int, bytes] | None:
        rows = self._execute(_GET, (key,))[0]
        return (int(rows[0][0]), int(rows[0][1]), bytes(rows[0][2])) if rows else None

    def _write(self, key: str, value: bytes, *, old: tuple[int, int, bytes]) -> int:
        previous, created_at, old_value = old
        created = 0 if previous else 1
        try:
            _, revision = self._execute(
                _INSERT, (key, created, 0, created_at or previous, previous, 0, value, old_value)
            )
        except sqlite3.IntegrityError as error:
            raise KeyExistsError(key) from error
        with self._lock:
            watches = [watch for watch in self._watches if key.startswith(watch.prefix)]
        for watch in watches:
            watch.send((key, value))
        return revision

    def _execute(self, sql: str, arguments: tuple[object, ...]) -> tuple[list[tuple[Any, ...]], int]:
        """Run one statement on a connection of its own; rows and the id of an inserted row."""
        wall, start = time.time_ns(), time.monotonic_ns()
        connection = None
        try:
            connection = self._take()
            cursor = connection.execute(sql, arguments)
            return cursor.fetchall(), cursor.lastrowid or 0
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise DatastoreError(str(error)) from error
        finally:
            self._observe(sql, wall, start)
            if connection is not None:
                self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL").close()
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _observe(self, sql: str, wall: int, start: int) -> None:
        taken = time.monotonic_ns() - start
        if taken < SLOW_INFO_NS:
            return
        spelled = go_text.duration(taken)
        stamp = go_text.utc_time(wall, start - self._started)
        report = self._out.info if taken < SLOW_WARNING_NS else self._out.warning
        report(f"Slow SQL (started: {stamp}) (total time: {spelled}): {sql}", duration=spelled)
