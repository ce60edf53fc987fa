"""The swarm's certificate authority: root certificate and join tokens (SK: ca/{config,certificates}.go)."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from swarmlab.clock import SECOND
from swarmlab.objects import JoinTokens, RootCA, TLSInfo
from swarmlab.objects.base import base36
from swarmlab.objects.cluster import RootRotation

replace = msgspec.structs.replace
_ROOT_DAYS = 20 * 365
#: Certificates are valid from one hour before their time, against clocks that differ.
_BACKDATE = timedelta(hours=1)


def new_root_ca(now: int) -> RootCA:
    """A root named `swarm-ca` on P-256, valid for 20 years from `now` (Unix nanoseconds), with fresh join tokens."""
    return _root_ca(*new_root(now))


def new_root(now: int) -> tuple[str, str]:
    """Certificate and key (PEM) of a new root."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A PrintableString, as Go encodes it: the subject appears in `docker node inspect`.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca", _ASN1Type.PrintableString)])
    begin = datetime.fromtimestamp(now // SECOND, UTC) - _BACKDATE
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=_ROOT_DAYS))
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def begin_rotation(root: RootCA, certificate: str, key: str, forced: int) -> RootCA:
    """The root while it is being replaced by another (PEM): new certificates are of the new one, all trust the old."""
    return replace(
        root,
        rotation=RootRotation(certificate=certificate, key=key),
        tls_info=_tls_info(root.certificate, certificate),
        last_forced_rotation=forced,
    )


def abort_rotation(root: RootCA, key: str, forced: int) -> RootCA:
    """The root as it was before a rotation, with this key (PEM)."""
    issuer = _tls_info(root.certificate, root.certificate)
    return replace(root, key=key, rotation=None, tls_info=issuer, last_forced_rotation=forced)


def finish_rotation(root: RootCA) -> RootCA:
    """The new root in place of the old one, with fresh join tokens, as the old ones name the old root."""
    assert root.rotation is not None
    new = _root_ca(root.rotation.certificate, root.rotation.key)
    return replace(new, last_forced_rotation=root.last_forced_rotation)


def _root_ca(certificate: str, key: str) -> RootCA:
    tokens = JoinTokens(worker=join_token(certificate), manager=join_token(certificate))
    return RootCA(certificate=certificate, key=key, tls_info=_tls_info(certificate, certificate), join_tokens=tokens)


def _tls_info(trust_root: str, issuer: str) -> TLSInfo:
    """What a node reports that trusts one root and has a certificate of another (both PEM)."""
    parsed = x509.load_pem_x509_certificate(issuer.encode())
    public = parsed.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return TLSInfo(
        trust_root=trust_root,
        cert_issuer_subject=base64.b64encode(parsed.subject.public_bytes()).decode(),
        cert_issuer_public_key=base64.b64encode(public).decode(),
    )


def join_token(certificate: str) -> str:
    """A fresh token: `SWMTKN-1-`, the digest of the root certificate (PEM), a random secret."""
    return f"SWMTKN-1-{digest(certificate)}-{base36(secrets.randbits(128), 25)}"


def digest(certificate: str) -> str:
    """SHA-256 of the root certificate's PEM text, in base 36, 50 characters."""
    return base36(int.from_bytes(hashlib.sha256(certificate.encode()).digest()), 50)


def parse_token(token: str) -> tuple[str, str]:
    """Digest and secret of a join token. Raises ValueError with the engine's text when it is malformed."""
    parts = token.split("-")
    if len(parts) == 4 and parts[:2] == ["SWMTKN", "1"] and len(parts[2]) == 50 and len(parts[3]) == 25:
        return parts[2], parts[3]
    raise ValueError("invalid join token")


def unlock_key() -> str:
    """A fresh unlock key: `SWMKEY-1-` and 32 random bytes in unpadded base64 (SK: manager/encryption/encryption.go)."""
    return "SWMKEY-1-" + base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
