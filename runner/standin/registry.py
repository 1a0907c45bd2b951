"""Kubernetes objects in the datastore: JSON under etcd's keys, and the API server's words when the datastore fails.

Plays the part of the API server's storage layer and its etcd client. Who creates what, and when, is not decided here.
"""

import json
import time
import uuid
from collections.abc import Iterator

from runner.standin import datastore, lines
from runner.standin.go_text import quote

Object = dict[str, object]


class ApiError(Exception):
    """A request failed in the datastore; the text is the one an API client sees."""


class AlreadyExistsError(Exception):
    """An object of this name is there already, or was changed by somebody else meanwhile."""


class Registry:
    """Objects by key such as ``/registry/minions/vm``; may be used from any thread."""

    def __init__(self, store: datastore.Datastore, out: lines.Printer) -> None:
        self._store = store
        self._out = out

    def create(self, key: str, kind: str, api_version: str, body: Object) -> Object:
        """Store a new object with a fresh uid and creation time; returns it.

        Raises:
            AlreadyExistsError: The key is taken.
            ApiError: The datastore failed.
        """
        metadata = {
            "name": key.rpartition("/")[2],
            "uid": str(uuid.uuid4()),
            "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        given = body.get("metadata", {})
        merged = {**metadata, **(given if isinstance(given, dict) else {})}
        entity: Object = {"kind": kind, "apiVersion": api_version, **body, "metadata": merged}
        self._put(key, entity, new=True)
        return entity

    def update(self, key: str, entity: Object) -> None:
        """Store an object again.

        Raises:
            AlreadyExistsError: Somebody else changed it in between.
            ApiError: The datastore failed.
        """
        self._put(key, entity, new=False)

    def get(self, key: str) -> Object | None:
        """The object under a key, or None.

        Raises:
            ApiError: The datastore failed.
        """
        try:
            value = self._store.get(key)
        except datastore.DatastoreError as error:
            raise self._failed("Range", error) from error
        return None if value is None else _load(value)

    def scan(self, prefix: str) -> list[Object]:
        """All objects below a prefix, by key.

        Raises:
            ApiError: The datastore failed.
        """
        try:
            return [_load(value) for _, value in self._store.scan(prefix)]
        except datastore.DatastoreError as error:
            raise self._failed("Range", error) from error

    def follow(self, prefix: str) -> Iterator[Object]:
        """The objects below a prefix as they are, then each change, until the datastore closes."""
        watch = self._store.watch(prefix)
        yield from self.scan(prefix)
        for _, value in watch:
            yield _load(value)

    def _put(self, key: str, entity: Object, *, new: bool) -> None:
        value = json.dumps(entity, separators=(",", ":")).encode()
        try:
            if new:
                self._store.create(key, value)
            else:
                self._store.update(key, value)
        except datastore.KeyExistsError as error:
            raise AlreadyExistsError(key) from error
        except datastore.DatastoreError as error:
            request = f"<request_put:<key:{quote(key)} value:{quote(value.decode())} > >"
            self._out.error(
                f"error in txn compare:<target:MOD key:{quote(key)} mod_revision:0 > success:{request} : {error}"
            )
            raise self._failed("Txn", error) from error

    def _failed(self, method: str, error: datastore.DatastoreError) -> ApiError:
        text = f"rpc error: code = Unknown desc = {error}"
        self._out.etcd_client(
            "warn",
            "retrying of unary invoker failed",
            target=f"etcd-endpoints://{id(self):#x}/kine.sock",
            method=f"/etcdserverpb.KV/{method}",
            attempt=0,
            error=text,
        )
        status = f"&status.Error{{s:(*status.Status)({id(error):#x})}}"
        message = f"apiserver received an error that is not an metav1.Status: {status}: {text}"
        self._out.klogs("E", "status.go:71", "Unhandled Error", err=message, logger="UnhandledError")
        return ApiError(text)


def _load(value: bytes) -> Object:
    entity = json.loads(value)
    if not isinstance(entity, dict):
        raise ApiError(f"not an object: {value[:80]!r}")
    return entity
