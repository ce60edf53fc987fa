"""What an update of the swarm's settings does to its root certificate (SK: manager/controlapi/ca_rotation.go).

A certificate authority outside of the swarm cannot be reached from a lab, so what needs one is refused as SwarmKit
refuses it when none answers.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from swarmlab.clock import SECOND
from swarmlab.manager.ca import abort_rotation, begin_rotation, new_root
from swarmlab.manager.errors import invalid_argument
from swarmlab.objects import RootCA
from swarmlab.objects.cluster import CAConfig, RootRotation

_YEAR = timedelta(days=365)
_HASHES = frozenset({"sha256", "sha384", "sha512"})


def updated_root(root: RootCA, config: CAConfig, now: int) -> RootCA:
    """The root certificate as it is after an update with these settings at `now` (Unix nanoseconds).

    It is the same unless a rotation is forced or another certificate is given. Raises StatusError (InvalidArgument).
    """
    forced, key = config.force_rotate, config.signing_ca_key
    if key and not config.signing_ca_cert:
        raise invalid_argument("if a signing CA key is provided, the signing CA cert must also be provided")
    if not config.signing_ca_cert:
        return root if forced == root.last_forced_rotation else begin_rotation(root, *new_root(now), forced)
    certificate = _checked(config.signing_ca_cert, key, now)
    if not key:
        raise invalid_argument(
            "there must be at least one valid, reachable external CA corresponding to the desired CA certificate"
        )
    if certificate == root.certificate:
        return abort_rotation(root, key, forced)
    if key == root.key:
        raise invalid_argument("Cannot update to a cert with an identical key")
    if root.rotation == RootRotation(certificate=certificate, key=key):
        return root
    return begin_rotation(root, certificate, key, forced)


def _checked(certificate: str, key: str, now: int) -> str:
    """The certificate (PEM) as it is kept. Raises StatusError when it cannot be a root, or the key is not its own."""
    try:
        parsed = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        raise invalid_argument("invalid root certificates") from None
    for root in parsed:
        _check_root(root)
    if key:
        _check_key(parsed[0], key)
    if len({root.subject for root in parsed}) != 1:
        raise invalid_argument("the desired CA certificate cannot contain multiple certificates")
    if parsed[0].not_valid_after_utc < datetime.fromtimestamp(now // SECOND, UTC) + _YEAR:
        raise invalid_argument("CA certificate expires too soon")
    return "".join(root.public_bytes(serialization.Encoding.PEM).decode() for root in parsed)


def _check_root(certificate: x509.Certificate) -> None:
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or algorithm.name not in _HASHES:
        raise invalid_argument(f"unsupported signature algorithm: {certificate.signature_algorithm_oid._name}")
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, TypeError, ValueError):
        raise invalid_argument(
            "error while validating Root CA Certificate: x509: certificate signed by unknown authority"
        ) from None


def _check_key(certificate: x509.Certificate, key: str) -> None:
    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise invalid_argument("malformed private key") from None
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < 2048:
            raise invalid_argument("unsupported RSA key parameters")
    elif isinstance(public, ec.EllipticCurvePublicKey):
        if public.curve.name not in {"secp256r1", "secp384r1", "secp521r1"}:
            raise invalid_argument("unsupported ECDSA key parameters")
    else:
        raise invalid_argument("unknown or unsupported certificate public key algorithm")
    if private.public_key() != public:
        raise invalid_argument("certificate key mismatch")
