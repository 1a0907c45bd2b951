"""Kubeconfig files: one cluster, one user, everything inline, in the form in which k3s writes its own."""

import base64

from runner.cluster.pki import Pair
from runner.cluster.settings import API_PORT


def kubeconfig(authority_pem: bytes, user: Pair) -> str:
    """The text of a kubeconfig for the API of this node."""
    return f"""apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: {_inline(authority_pem)}
    server: https://127.0.0.1:{API_PORT}
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
users:
- name: default
  user:
    client-certificate-data: {_inline(user.certificate_pem)}
    client-key-data: {_inline(user.key_pem)}
"""


def _inline(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
