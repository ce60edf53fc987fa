"""What commands complain of, in the words of the image's own tools: the interpreter speaks as GNU's do."""

import re

_BUSYBOX = tuple(
    (re.compile(pattern, re.MULTILINE), words)
    for pattern, words in (
        (rb"^(cat|tac|head|tail|wc|sort|uniq|od|cut|sed|awk|md5sum|sha256sum|cmp): ([^\n:']+): "
         rb"(No such file or directory)$", rb"\1: can't open '\2': \3"),
        (rb"^cat: ([^\n:]+): Is a directory$", rb"cat: read error: Is a directory"),
        (rb"^rm: cannot remove ('[^\n]*'): ", rb"rm: can't remove \1: "),
        (rb"^rm: cannot remove directory ('[^\n]*').*$", rb"rm: \1 is a directory"),
        (rb"^rmdir: failed to remove ('[^\n]*'): ", rb"rmdir: \1: "),
        (rb"^mkdir: cannot create directory ('[^\n]*'): ", rb"mkdir: can't create directory \1: "),
        (rb"^touch: cannot touch '([^\n]*)': ", rb"touch: \1: "),
        (rb"^cp: cannot copy '[^\n]*': (No space left on device)$", rb"cp: write error: \1"),
        (rb"^cp: cannot (?:copy|stat) ('[^\n]*'): ", rb"cp: can't stat \1: "),
        (rb"^mv: cannot (?:move|stat) ('[^\n]*'): ", rb"mv: can't rename \1: "),
        (rb"^(chmod|chown): cannot access '([^\n]*)': ", rb"\1: \2: "),
        (rb"^find: '([^\n]*)': ", rb"find: \1: "),
        (rb"^tar: Removing leading `/' from", rb"tar: removing leading '/' from"),
        (rb"^bash: line \d+: cd: ([^\n]*): (No such file or directory|Not a directory)$",
         rb"sh: cd: line 0: can't cd to \1: \2"),
        (rb"^bash: line \d+: kill: \((\d+)\) - ", rb"sh: can't kill pid \1: "),
        (rb"^bash: line \d+: type: ([^\n]*): not found$", rb"\1: not found"),
        (rb"^bash: line \d+: ([^\n:]+): Is a directory$", rb"sh: can't create \1: Is a directory"),
        (rb"^bash: line \d+: ([^\n:]+): No such file or directory$", rb"sh: can't open \1: no such file"),
        (rb"^bash: (?:line \d+: )?/[^\n:]+: No space left on device$", rb"sh: write error: No space left on device"),
        (rb"^bash: line \d+: ", rb"sh: "),
    )
)  # fmt: skip
_NOT_FOUND = re.compile(rb"(?:io error: )?(?:file )?not found(?=$)", re.MULTILINE)
_IO_ERROR = re.compile(rb": io error: ")


def plain(data: bytes) -> bytes:
    """Without the interpreter's own names for errors of the system."""
    if b"io error: " not in data:
        return data
    return _IO_ERROR.sub(b": ", _NOT_FOUND.sub(b"No such file or directory", data))


def busybox(data: bytes) -> bytes:
    """As BusyBox says it."""
    for pattern, words in _BUSYBOX:
        data = pattern.sub(words, data)
    return data
