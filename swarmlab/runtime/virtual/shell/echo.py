"""`echo` as a command of its own, for scripts with jobs: what the interpreter's writes to standard error comes late."""

import re

from swarmlab.runtime.virtual.context import Context

_OPTIONS = re.compile(r"-[neE]+")
_ESCAPE = re.compile(rb"\\(?:0([0-7]{0,3})|x([0-9A-Fa-f]{1,2})|([abefnrtv\\]))")
_LETTERS = dict(zip(b"abefnrtv\\", b"\a\b\x1b\f\n\r\t\v\\", strict=True))


async def echo(context: Context) -> int:
    """`echo [-neE] WORD…`."""
    words = list(context.argv[1:])
    given = ""
    while words and _OPTIONS.fullmatch(words[0]):
        given += words.pop(0)[1:]
    data = " ".join(words).encode("utf-8", "surrogateescape") + (b"" if "n" in given else b"\n")
    if given.replace("n", "").endswith("e"):
        data = _ESCAPE.sub(_meant, re.sub(rb"((?:\\\\|[^\\])*?)\\c.*", rb"\1", data, flags=re.DOTALL))
    await context.out(data)
    return 0


def _meant(found: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = found.groups()
    if letter:
        return bytes([_LETTERS[letter[0]]])
    return bytes([(int(octal or b"0", 8) if hexadecimal is None else int(hexadecimal, 16)) & 0xFF])
