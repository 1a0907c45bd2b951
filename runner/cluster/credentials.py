"""Writes certificates and kubeconfigs where the components' flags name them."""

import datetime as dt

from runner import atomic
from runner.cluster.kubeconfig import kubeconfig
from runner.cluster.pki import write_all
from runner.cluster.settings import Settings


def write_credentials(settings: Settings) -> None:
    """Make everything anew; each kubeconfig appears whole, for others look for them while they are written."""
    users = write_all(settings, dt.datetime.now(dt.UTC))
    authority = (settings.pki / "ca.crt").read_bytes()
    for name, user in users.items():
        atomic.write_text(settings.kubeconfig(name), kubeconfig(authority, user), mode=0o600, durable=False)
