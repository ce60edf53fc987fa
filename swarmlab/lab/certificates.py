"""The certificates of a lab's TCP ports: an authority of the lab's own, one for its engines, one for their clients.

`ca.pem`, `cert.pem` and `key.pem` are what DOCKER_CERT_PATH must hold. Everything lasts through restarts and resets,
and is renewed when it has nearly expired, or when the engines' addresses have changed.
"""

import os
import ssl
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import CLIENT_FILES

#: How long they are valid, and how long before the end they are renewed.
_AUTHORITY_LASTS, _LEAF_LASTS, _RENEWED = timedelta(days=3650), timedelta(days=397), timedelta(days=30)
#: Clocks of virtual machines differ.
_BEFORE = timedelta(hours=1)
_CA, _CLIENT, _CLIENT_KEY = CLIENT_FILES
_CA_KEY = "ca-key.pem"
_SERVER, _SERVER_KEY = "server-cert.pem", "server-key.pem"

_Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def prepare(folder: Path, lab: str, hosts: Iterable[str], now: datetime | None = None) -> None:
    """Make what is missing, has nearly expired at `now` (UTC) or does not name all `hosts` (names and addresses).

    Raises LabError when the files cannot be written.
    """
    now = now or datetime.now(UTC)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        authority = _load(folder, _CA, _CA_KEY)
        if authority is None or _expires(authority[0], now):
            authority = _make_authority(lab, now)
            _save(folder, _CA, _CA_KEY, authority)
        wanted = sorted(set(hosts))
        server = _load(folder, _SERVER, _SERVER_KEY)
        if server is None or _expires(server[0], now) or not _is_of(server, authority) or _hosts(server[0]) != wanted:
            _save(folder, _SERVER, _SERVER_KEY, _make_leaf(authority, f"engines of the lab {lab}", wanted, now))
        client = _load(folder, _CLIENT, _CLIENT_KEY)
        if client is None or _expires(client[0], now) or not _is_of(client, authority):
            _save(folder, _CLIENT, _CLIENT_KEY, _make_leaf(authority, f"client of the lab {lab}", [], now))
    except OSError as error:
        raise LabError(f"Cannot write the certificates in {folder}: {error.strerror}.") from None


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer, for clients that show a certificate of the lab's authority. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / _CA)
    context.load_cert_chain(folder / _SERVER, folder / _SERVER_KEY)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _make_authority(lab: str, now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"swarmlab {lab}")
    usage = _usage(signs=False, certifies=True)
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _make_leaf(authority: _Pair, title: str, hosts: Sequence[str], now: datetime) -> _Pair:
    """For a server that has these names and addresses, or without any for a client."""
    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    lasts = min(_LEAF_LASTS, issuer.not_valid_after_utc - now)
    builder = (
        _builder(_name(title), issuer.subject, key, now, lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True, certifies=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(title: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])


def _usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs, key_cert_sign=certifies, crl_sign=certifies, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in found)


def _expires(certificate: x509.Certificate, now: datetime) -> bool:
    return not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEWED


def _is_of(pair: _Pair, authority: _Pair) -> bool:
    """Whether the authority issued it; a name alone would not tell."""
    try:
        pair[0].verify_directly_issued_by(authority[0])
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _load(folder: Path, certificate: str, key: str) -> _Pair | None:
    """A certificate and its key; None when they are missing, damaged or do not belong together."""
    try:
        found = x509.load_pem_x509_certificate((folder / certificate).read_bytes())
        secret = serialization.load_pem_private_key((folder / key).read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.public_key() != found.public_key():
        return None
    return found, secret


def _save(folder: Path, certificate: str, key: str, pair: _Pair) -> None:
    """Write both; killed in between, they do not belong together and are made anew."""
    secret = pair[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_private(folder / key, secret)
    _write_private(folder / certificate, pair[0].public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file by one that only its owner may read, at any time."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    aside.replace(path)
