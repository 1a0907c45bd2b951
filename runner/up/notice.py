"""The notice that a running cluster leaves for ``runner kubectl``: where it is and with what it is asked.

One directory a cluster, in the user's runtime directory; it holds a private key, so it is the user's alone. A notice whose
process has gone is nobody's and is removed by whoever finds it.
"""

import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import platformdirs

from runner import atomic

NAME = "cluster.json"
SERVER = re.compile(r"^(\s*server:) \S+", re.MULTILINE)


@attrs.frozen(kw_only=True)
class Notice:
    """A running cluster.

    Attributes:
        pid: Of the ``runner up`` that keeps it.
        kubeconfig: Good from outside the sandbox.
        kubectl: The program that is kubectl for it, if it is called so.
        what: One line for people.
    """

    pid: int
    kubeconfig: str
    kubectl: str
    what: str


def directory() -> Path:
    """Where notices are."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR it falls back to a directory that is the user's alone; a warning on each call helps nobody.
        warnings.simplefilter("ignore")
        return platformdirs.user_runtime_path("k3s-in-gvisor")


@contextmanager
def posted(kubeconfig: str, port: int, kubectl: str, what: str) -> Iterator[Notice]:
    """Leave a notice, with a kubeconfig for this machine, while the block runs.

    Args:
        kubeconfig: Text of the cluster's own.
        port: Loopback port of this machine that leads to the API.
        kubectl: As :attr:`Notice.kubectl`.
        what: As :attr:`Notice.what`.
    """
    place = directory() / str(os.getpid())
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True)
    try:
        file = place / "kubeconfig"
        usable = SERVER.sub(rf"\1 https://127.0.0.1:{port}", kubeconfig)
        atomic.write_text(file, usable, mode=0o600, durable=False)
        notice = Notice(pid=os.getpid(), kubeconfig=str(file), kubectl=kubectl, what=what)
        atomic.write_text(place / NAME, json.dumps(attrs.asdict(notice)), mode=0o600, durable=False)
        yield notice
    finally:
        shutil.rmtree(place, ignore_errors=True)


def running() -> list[Notice]:
    """The clusters that run now, newest first."""
    found: list[tuple[float, Notice]] = []
    for file in directory().glob(f"*/{NAME}"):
        try:
            notice = Notice(**json.loads(file.read_text()))
            changed = file.stat().st_mtime
        except (OSError, ValueError, TypeError):
            continue
        if Path(f"/proc/{notice.pid}").exists():
            found.append((changed, notice))
        else:
            shutil.rmtree(file.parent, ignore_errors=True)
    return [notice for _, notice in sorted(found, key=lambda pair: pair[0], reverse=True)]
