"""What commands are told by a file system that cannot do something, in a user's words."""

import re

_TOO_LARGE = re.compile(rb"(?:io error: )?file too large: \d+ bytes exceeds (\d+) byte limit")
_FULL = re.compile(rb"(?:io error: )?filesystem full: \d+ bytes would exceed (\d+) byte limit")


_TOO_LONG = re.compile(rb"(?:filename|path) too (?:long: \d+ bytes|deep: \d+ levels) exceeds \d+ (?:byte|level) limit")
_UNSAFE = re.compile(rb"unsafe character \S+ in path component '.*?'", re.DOTALL)
_TYPE = re.compile(rb"(?<=: )(?:RuntimeError: |io error: )+")


def full(data: bytes) -> bytes:
    """What commands write about a file that can grow no more, or cannot be."""
    data = _UNSAFE.sub(b"Invalid argument", _TOO_LONG.sub(b"File name too long", _TYPE.sub(b"", data)))
    data = _TOO_LARGE.sub(rb"File too large (a file in memory has \1 bytes at most)", data)
    return _FULL.sub(rb"No space left on device (the container's files have \1 bytes at most)", data)
