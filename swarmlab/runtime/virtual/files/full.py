"""What commands are told by a file system that can take no more, in a user's words."""

import re

_TOO_LARGE = re.compile(rb"(?:io error: )?file too large: \d+ bytes exceeds (\d+) byte limit")
_FULL = re.compile(rb"(?:io error: )?filesystem full: \d+ bytes would exceed (\d+) byte limit")


def full(data: bytes) -> bytes:
    """What commands write about a file that can grow no more."""
    data = _TOO_LARGE.sub(rb"File too large (a file in memory has \1 bytes at most)", data)
    return _FULL.sub(rb"No space left on device (the container's files have \1 bytes at most)", data)
