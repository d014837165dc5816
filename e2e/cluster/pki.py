"""The cluster's certificates: one authority, and a leaf for every program that needs one.

Leaves carry authority and subject key identifiers and the authority states its key usage: Python
3.13 refuses certificates without them.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.place import (
    API_SERVICE_ADDRESS,
    CONTEXT,
    DNS_DOMAIN,
    NODE,
    NODE_ADDRESS,
    Place,
)

_VALID = datetime.timedelta(days=30)
_SKEW = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    file: str
    common_name: str
    organization: str | None = None
    hosts: tuple[str, ...] = ()
    """Names and addresses it may serve; none makes it a client's certificate."""


_SERVICE = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
LEAVES = (
    _Leaf(
        file="apiserver",
        common_name="kube-apiserver",
        hosts=(
            *_SERVICE,
            f"kubernetes.default.svc.{DNS_DOMAIN}",
            "localhost",
            "127.0.0.1",
            NODE_ADDRESS,
            API_SERVICE_ADDRESS,
        ),
    ),
    _Leaf(file="kubelet-server", common_name=NODE, hosts=(NODE, NODE_ADDRESS)),
    _Leaf(file="admin", common_name="e2e-admin", organization="system:masters"),
    _Leaf(file="controller-manager", common_name="system:kube-controller-manager"),
    _Leaf(file="scheduler", common_name="system:kube-scheduler"),
    _Leaf(file="proxy", common_name="system:kube-proxy"),
    _Leaf(file="node", common_name=f"system:node:{NODE}", organization="system:nodes"),
    _Leaf(
        file="apiserver-kubelet-client",
        common_name="kube-apiserver-kubelet-client",
        organization="system:masters",
    ),
    _Leaf(file="front-proxy-client", common_name="front-proxy-client"),
)


def write(place: Place) -> None:
    """Write the authority, all leaves and the key that signs service account tokens."""
    place.pki.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CONTEXT)])
    authority = (
        _certificate(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(place.pki / "ca", key, authority)
    for leaf in LEAVES:
        _write_leaf(place.pki / leaf.file, leaf, key, authority)
    tokens = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_key(place.pki / "service-accounts.key", tokens)
    public = tokens.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (place.pki / "service-accounts.pub").write_bytes(public)


def _write_leaf(
    path: Path, leaf: _Leaf, authority_key: ec.EllipticCurvePrivateKey, authority: x509.Certificate
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]
    if leaf.organization:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organization))
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if leaf.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    public = authority_key.public_key()
    builder = (
        _certificate(x509.Name(subject), authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    if leaf.hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(_names(leaf.hosts)), critical=False
        )
    _write(path, key, builder.sign(authority_key, hashes.SHA256()))


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    _write_key(path.with_suffix(".key"), key)
    path.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
