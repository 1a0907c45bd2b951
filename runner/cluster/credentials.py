"""Writes certificates and kubeconfigs where the components' flags name them."""

import datetime as dt

from runner.cluster.kubeconfig import kubeconfig
from runner.cluster.pki import write_all
from runner.cluster.settings import Settings


def write_credentials(settings: Settings) -> None:
    """Make everything anew; each kubeconfig appears whole, for others look for them while they are written."""
    users = write_all(settings, dt.datetime.now(dt.UTC))
    authority = (settings.pki / "ca.crt").read_bytes()
    for name, user in users.items():
        path = settings.kubeconfig(name)
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(kubeconfig(authority, user))
        partial.replace(path)
