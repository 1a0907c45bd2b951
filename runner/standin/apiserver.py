"""The API server: health endpoints and a few objects over plain HTTP.

Real k3s serves TLS; making certificates takes more than the standard library, so this one answers
http://127.0.0.1:6443 (and :6444, where k3s's own API server listens) to anybody on the machine. It reads from the
datastore for every answer and invents none. Nothing can be written through it.
"""

import contextlib
import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

from runner.standin import go_text, registry
from runner.standin.lifecycle import Lifecycle
from runner.standin.lines import Printer

ADDRESS = "127.0.0.1"
PORTS = (6444, 6443)
HOOK = "poststarthook/scheduling/bootstrap-system-priority-classes"
_COLLECTIONS = {
    "/api/v1/nodes": ("/registry/minions/", "NodeList", "v1"),
    "/api/v1/namespaces": ("/registry/namespaces/", "NamespaceList", "v1"),
    "/apis/scheduling.k8s.io/v1/priorityclasses": (
        "/registry/priorityclasses/",
        "PriorityClassList",
        "scheduling.k8s.io/v1",
    ),
}


class ApiServer:
    """Listens as soon as started; ready once the datastore answers and the post-start hook is done."""

    def __init__(self, objects: registry.Registry, out: Printer, lifecycle: Lifecycle) -> None:
        self._objects = objects
        self._out = out
        self._lifecycle = lifecycle
        self._servers: list[_Server] = []
        self.ready = lifecycle.gate()

    def start(self) -> bool:
        """Listen; False when an address is taken, after asking for the shutdown."""
        for port in PORTS:
            try:
                server = _Server((ADDRESS, port), _Handler)
            except OSError as error:
                where = f"{ADDRESS}:{port}"
                reason = f"listen tcp {where}: bind: {go_text.errno_text(error.errno or 0)}"
                text = f"failed to create listener: failed to listen on {where}: {reason}"
                self._lifecycle.component_exited("apiserver", text)
                return False
            server.api = self
            self._servers.append(server)
            threading.Thread(target=server.answer_forever, name=f"http-{port}", daemon=True).start()
        self._out.klog("I", "secure_serving.go:211", f"Serving securely on {ADDRESS}:{PORTS[0]}")
        return True

    def stop(self) -> None:
        """Close the listeners; requests in flight end with the process."""
        for server in self._servers:
            server.server_close()

    def checks(self) -> dict[str, bool]:
        """Each health check by name, in the order the endpoint lists them."""
        try:
            self._objects.get("/registry/health")
        except registry.ApiError:
            etcd = False
        else:
            etcd = True
        return {"ping": True, "log": True, "etcd": etcd, HOOK: self.ready.opened}

    def answer(self, target: str) -> tuple[int, str, str]:
        """Status, content type and body for a GET request."""
        url = urlsplit(target)
        path = url.path.rstrip("/")
        if path in ("/readyz", "/healthz", "/livez"):
            return _health(path[1:], self.checks(), verbose="verbose" in parse_qs(url.query, keep_blank_values=True))
        try:
            return self._objects_at(path)
        except registry.ApiError as error:
            return _status(500, "InternalError", str(error))

    def _objects_at(self, path: str) -> tuple[int, str, str]:
        if path in _COLLECTIONS:
            prefix, kind, version = _COLLECTIONS[path]
            return _json(200, {"kind": kind, "apiVersion": version, "items": self._objects.scan(prefix)})
        collection, _, name = path.rpartition("/")
        if collection in _COLLECTIONS:
            found = self._objects.get(_COLLECTIONS[collection][0] + name)
            if found is not None:
                return _json(200, found)
        return _status(404, "NotFound", "the server could not find the requested resource")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    api: ApiServer

    def answer_forever(self) -> None:
        """Unlike serve_forever, sleep until there is a request; returns once the listener is closed."""
        while self.fileno() >= 0:
            with contextlib.suppress(OSError, ValueError):  # closed just now, which the loop sees next
                self.handle_request()


class _Handler(http.server.BaseHTTPRequestHandler):
    server_version = "k3s-standin"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer from the datastore."""
        status, kind, body = self.server.api.answer(self.path)
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Requests are not logged: k3s does not log them either."""


def _health(name: str, checks: dict[str, bool], *, verbose: bool) -> tuple[int, str, str]:
    healthy = all(checks.values())
    if healthy and not verbose:
        return 200, "text/plain; charset=utf-8", "ok"
    rows = [f"[+]{check} ok" if passed else f"[-]{check} failed: reason withheld" for check, passed in checks.items()]
    rows.append(f"{name} check {'passed' if healthy else 'failed'}")
    return (200 if healthy else 500), "text/plain; charset=utf-8", "\n".join(rows) + "\n"


def _json(status: int, body: registry.Object) -> tuple[int, str, str]:
    return status, "application/json", json.dumps(body)


def _status(code: int, reason: str, message: str) -> tuple[int, str, str]:
    return _json(
        code,
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code},
    )
