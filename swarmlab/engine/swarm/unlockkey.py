"""Keys that unlock managers (SK: manager/encryption/encryption.go)."""

import base64
import binascii
import hashlib

_PREFIX = "SWMKEY-1-"


def is_key(text: str) -> bool:
    """Whether this is an unlock key by its form, of whatever length."""
    digits = text.removeprefix(_PREFIX)
    try:
        base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        return False
    return text.startswith(_PREFIX) and "=" not in digits


def key_digest(key: str) -> str:
    """SHA-256 of an unlock key, in hexadecimal. The key has 256 random bits, so this gives nothing away."""
    return hashlib.sha256(key.encode()).hexdigest()
