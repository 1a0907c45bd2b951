"""Keys and certificates of one short-lived cluster: one authority, one for the front proxy, a pair per component.

Made anew for each run, inside it: nothing secret is kept or shipped. Elliptic-curve keys, because a dozen RSA keys would
take a second or two that a start-up measurement does not want. The layout is kubeadm's.
"""

import datetime as dt
import ipaddress
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runner import atomic
from runner.cluster.settings import CLUSTER_DOMAIN, FIRST_SERVICE, Settings

# A sandbox's clock may lag behind its machine's, and a run takes minutes.
VALID_BEFORE = dt.timedelta(hours=1)
VALID_AFTER = dt.timedelta(days=7)
LOOPBACK = "127.0.0.1"


@attrs.frozen(kw_only=True)
class Pair:
    """A key with its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted."""
        return _pem(self.key)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, directory: Path, name: str) -> None:
        """Write ``name.key``, readable by its owner alone, and ``name.crt``."""
        write_key(self.key, directory / f"{name}.key")
        (directory / f"{name}.crt").write_bytes(self.certificate_pem)


def write_key(key: ec.EllipticCurvePrivateKey, path: Path) -> None:
    """Write a private key, readable by its owner alone."""
    atomic.write_bytes(path, _pem(key), mode=0o600, durable=False)


def authority(name: str, now: dt.datetime) -> Pair:
    """A self-signed certificate authority."""
    key = _key()
    subject = _name(name)
    certificate = (
        _dated(now)
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(key=key, certificate=certificate)


def issue(
    issuer: Pair, name: str, now: dt.datetime, *, groups: tuple[str, ...] = (), serves: tuple[str, ...] = ()
) -> Pair:
    """A certificate signed by ``issuer``.

    Args:
        issuer: An authority.
        name: Common name: to Kubernetes, the user.
        now: The current time, UTC.
        groups: Organisations: to Kubernetes, the user's groups.
        serves: Host names and addresses; with any, it is a server's certificate, else a client's.
    """
    key = _key()
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _dated(now)
        .subject_name(_name(name, groups))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        # Python's ssl, strict since 3.13, wants to find the issuer's key by this.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if serves:
        names = x509.SubjectAlternativeName([_alternative(host) for host in serves])
        builder = builder.add_extension(names, critical=False)
    return Pair(key=key, certificate=builder.sign(issuer.key, hashes.SHA256()))


def write_all(settings: Settings, now: dt.datetime) -> dict[str, Pair]:
    """Make and write everything that the components read; the pairs of those that speak to the API, by component."""
    directory = settings.pki
    directory.mkdir(parents=True, exist_ok=True)
    root = authority("kubernetes", now)
    front = authority("front-proxy", now)
    root.write(directory, "ca")
    front.write(directory, "front-proxy-ca")
    api_names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    api_hosts = (*api_names, f"{api_names[-1]}.{CLUSTER_DOMAIN}", "localhost", settings.node)
    here = (LOOPBACK, settings.address)
    issue(root, "kube-apiserver", now, serves=(*api_hosts, FIRST_SERVICE, *here)).write(directory, "apiserver")
    issue(root, settings.node, now, serves=(settings.node, "localhost", *here)).write(directory, "node")
    masters = ("system:masters",)
    issue(root, "kube-apiserver-kubelet-client", now, groups=masters).write(directory, "apiserver-kubelet-client")
    issue(front, "front-proxy-client", now).write(directory, "front-proxy-client")
    write_key(_key(), directory / "sa.key")  # signs the tokens of service accounts; no certificate belongs to it
    return {
        "admin": issue(root, "system:admin", now, groups=masters),
        "kube-controller-manager": issue(root, "system:kube-controller-manager", now),
        "kube-scheduler": issue(root, "system:kube-scheduler", now),
        "kubelet": issue(root, f"system:node:{settings.node}", now, groups=("system:nodes",)),
        "kube-proxy": issue(root, "system:kube-proxy", now),
    }


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(name: str, groups: tuple[str, ...] = ()) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _dated(now: dt.datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID_BEFORE)
        .not_valid_after(now + VALID_AFTER)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
