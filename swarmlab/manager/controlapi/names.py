"""Rules for names (SK: manager/controlapi/common.go)."""

import re

from swarmlab.manager.errors import invalid_argument

# The languages of Go's patterns, written so that Python's engine cannot be made to backtrack for ever.
_DNS_NAME = re.compile(r"[a-zA-Z0-9]+(?:[-_]+[A-Za-z0-9]+)*")
_BLOB_NAME = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?")


def check_dns_name(name: str) -> None:
    """Check the name of a service or network. Raises StatusError."""
    if not name:
        raise invalid_argument("meta: name must be provided")
    if not _DNS_NAME.fullmatch(name):
        raise invalid_argument("name must be valid as a DNS name component")
    if len(name) > 63:
        raise invalid_argument("name must be 63 characters or fewer")


def check_blob_name(name: str) -> None:
    """Check the name of a secret or config. Raises StatusError."""
    if not name:
        raise invalid_argument("name must be provided")
    if len(name) > 64 or not _BLOB_NAME.fullmatch(name):
        raise invalid_argument(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, "
            "and the start and end character must be [a-zA-Z0-9]"
        )
