"""What commands complain of, in the words of the image's own tools: the interpreter speaks as GNU's do."""

import re
from collections.abc import Callable

_BUSYBOX = tuple(
    (re.compile(pattern, re.MULTILINE), words)
    for pattern, words in (
        (rb"^(cat|tac|tail|sort|uniq|od|cut|awk|md5sum|sha256sum): ([^\n:']+): "
         rb"(No such file or directory|Permission denied)$", rb"\1: can't open '\2': \3"),
        (rb"^cat: ([^\n:]+): Is a directory$", rb"cat: read error: Is a directory"),
        (rb"^sed: can't read ([^\n]*): ", rb"sed: \1: "),
        (rb"^rm: cannot remove ('[^\n]*'): Is a directory$", rb"rm: \1 is a directory"),
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
        (rb"^cp: -r not specified; omitting", rb"cp: omitting"),
        (rb"^mv: can't rename ('[^\n]*'): parent directory ", rb"mv: can't rename \1: "),
        (rb"^chmod: invalid mode: ", rb"chmod: invalid mode "),
        (rb"^chmod: changing permissions of '([^\n]*)': ", rb"chmod: \1: "),
        (rb"^sed: [^\n]*: cannot write '([^\n]*)': (Permission denied)$",
         rb"sed: can't create temp file '\1XXXXXX': \2"),
        (rb"^dd: error writing ('[^\n]*'): (Permission denied)$", rb"dd: can't open \1: \2"),
        (rb"^ln: failed to create (?:symbolic|hard) link '([^\n]*)': ", rb"ln: \1: "),
        (rb"^dd: failed to open ", rb"dd: can't open "),
        (rb"^unzip: ([^\n]*): No such file or directory$", rb"unzip: can't open \1[.zip]"),
        (rb"^tar: ([^\n]*): Cannot open: ", rb"tar: can't open '\1': "),
        (rb"^expr: missing operand$", rb"expr: too few arguments"),
        (rb"^missing \]$", rb"sh: missing ]"),
        (rb"^bash: line \d+: \[: ([^\n]*): integer expression expected$", rb"sh: \1: bad number"),
        (rb"^bash: line \d+: ([^\n]*): unbound variable$", rb"sh: \1: parameter not set"),
        (rb"^bash: line \d+: ([^\n]*): parameter null or not set$", rb"sh: \1: parameter not set or null"),
        (rb"^bash: line \d+: ([^\n]*): readonly variable$", rb"sh: \1: is read only"),
        (rb"^bash: line \d+: [^\n]*: division by 0 [^\n]*$", rb"sh: divide by zero"),
        (rb"^bash: line \d+: printf: ([^\n]*): invalid number$", rb"sh: invalid number '\1'"),
        (rb"^bash: line \d+: (alias|unalias): ([^\n]*): not found$", rb"\1: \2 not found"),
        (rb"^bash: line \d+: exit: ([^\n]*): numeric argument required$", rb"sh: exit: line 0: Illegal number: \1"),
        (rb"^bash: line \d+: local: can only be used in a function$", rb"sh: local: line 0: not in a function"),
        (rb"^bash: line \d+: getopts: illegal option -- '(.)'$", rb"Illegal option -\1"),
        (rb"^bash: line \d+: trap: ([^\n]*): invalid signal", rb"sh: trap: line 0: \1: invalid signal"),
        (rb"^bash: line \d+: (fg|bg): [^\n]*no such job$", rb"sh: \1: line 0: No current job"),
        (rb"^bash: line \d+: umask: ([^\n]*): octal number out of range$", rb"sh: umask: line 0: illegal mode: \1"),
        (rb"^bash: line \d+: (?:wait: pid \d+ is not a child of this shell|"
         rb"return: can only [^\n]*|break: only meaningful [^\n]*)\n", rb""),
        (rb"^bash: (?:line \d+: )?([^\n:/ ]+): No such file or directory$",
         rb"sh: can't open '\1': No such file or directory"),
        (rb"^(?:bash|sh): -c: option requires an argument$", rb"sh: -c requires an argument"),
        (rb"^(?:bash|sh): (?:-c|eval): (?:line \d+: )?unexpected EOF while looking for matching [^\n]*$",
         rb"sh: syntax error: unterminated quoted string"),
        (rb"^(?:bash|sh): (?:-c|eval): (?:line \d+: )?syntax error: ", rb"sh: syntax error: "),
        (rb"^(?:bash|sh): (?:line \d+: )?/[^\n:]+: (No space left on device|File too large)\b",
         rb"sh: write error: \1"),
        (rb"^sh: ([^\n:/ ]+): No such file or directory$", rb"sh: can't open '\1': No such file or directory"),
        (rb"^sh: \$(\d+): parameter not set$", rb"sh: \1: parameter not set"),
        (rb"^expr: non-integer argument$", rb"expr: non-numeric argument"),
        (rb"^(?:bash: line \d+|sh): [^\n]*: syntax error: operand expected[^\n]*$", rb"sh: arithmetic syntax error"),
        (rb"^(real|user|sys)\t(\d+)m(\d+\.\d\d)\ds$", rb"\1\t\2m \3s"),
        (rb"^bash: fork: retry: ", rb"sh: can't fork: "),
        (rb"^bash: line \d+: ", rb"sh: "),
    )
)  # fmt: skip
#: How BusyBox's shell says that it cannot read a script, and ends.
NOT_READ = b": .: line 0: can't open "
_SHELL = re.compile(rb"^sh: ", re.MULTILINE)
_ENDS = re.compile(
    rb"^bash: line \d+: [^\n]*(?:: (?:unbound variable|readonly variable|parameter null or not set|division by 0[^\n]*"
    rb"|syntax error: operand expected[^\n]*)"
    rb"|local: can only be used in a function)$",
    re.MULTILINE,
)
#: What a script in a file complains of. The interpreter does not count its first line.
_SCRIPT = re.compile(
    rb"^(\.{0,2}/[^\n:]+): line (\d+): ([^\n:]+): (?:command not found(?:\. [^\n]*)?|not found)$", re.MULTILINE
)
_FILE = re.compile(
    rb"^bash: line \d+: ([^\n:]+): (No such file or directory|Is a directory|Permission denied)$", re.MULTILINE
)
_WHAT = rb"([^\n:]+): (not found|No such file or directory|Permission denied)$"
_NOTHING = re.compile(rb"^([^\s:]+): " + _WHAT, re.MULTILINE)
_NOTHING_IN_FILE = re.compile(rb"^(/[^\n:]+): line (\d+): " + _WHAT, re.MULTILINE)
#: `wc` complains of a file by its whole path.
_WHOLE_PATH = re.compile(rb"^wc: (/[^\n:]*): (?=No such|Is a)", re.MULTILINE)
_NOT_FOUND = re.compile(rb"(?:io error: )?(?:file )?not found(?=$)", re.MULTILINE)
#: What jobs say when their shell has been stopped.
_CANCELLED = re.compile(rb"^bash: line \d+: execution cancelled\n", re.MULTILINE)
#: What `time` cannot tell.
_UNTIMED = re.compile(rb"^(user|sys)\tunavailable$", re.MULTILINE)
_IO_ERROR = re.compile(rb": io error: ")


def plain(data: bytes) -> bytes:
    """Without the interpreter's own names for errors of the system."""
    data = _CANCELLED.sub(b"", data)
    data = _UNTIMED.sub(rb"\1\t0m0.000s", data)
    if b"io error: " not in data:
        return data
    return _IO_ERROR.sub(b": ", _NOT_FOUND.sub(b"No such file or directory", data))


def ends_script(data: bytes) -> bool:
    """Whether the interpreter complains of what ends a script of BusyBox's shell with status 2."""
    return _ENDS.search(data) is not None


def busybox(data: bytes, script: str, shell: str) -> bytes:
    """As BusyBox says it; the script tells what a file was wanted for, and `shell` is what the shell was called by."""
    data = _FILE.sub(lambda found: _about_file(found, script), data)
    data = _WHOLE_PATH.sub(lambda found: b"wc: " + _as_written(found[1], script) + b": ", data)
    data = _SCRIPT.sub(lambda found: b"%s: line %d: %s: not found" % (found[1], int(found[2]) + 1, found[3]), data)
    for pattern, words in _BUSYBOX:
        data = pattern.sub(words, data)
    return data if shell == "sh" else _SHELL.sub(f"{shell}: ".encode(), data)


def about_exec(data: bytes, script: str, read: Callable[[str], bytes]) -> bytes:
    """As BusyBox's shell says that `exec` has found nothing to run; `read` tells what is in a script's file."""
    data = _NOTHING_IN_FILE.sub(lambda found: _in_file(found, read), data)
    return _NOTHING.sub(
        lambda found: (
            b"%s: exec: line 0: %s: %s" % found.groups()
            if re.search(rf"\bexec\s+['\"]?{re.escape(found[2].decode('utf-8', 'replace'))}(?![\w./-])", script)
            else found[0]
        ),
        data,
    )


def _in_file(found: re.Match[bytes], read: Callable[[str], bytes]) -> bytes:
    name, line, command, what = found.groups()
    try:
        lines = read(name.decode("utf-8", "replace")).splitlines()
    except OSError:
        return found[0]
    # The interpreter's numbers are one too few or too many at times.
    near = (number for number in (int(line), int(line) - 1, int(line) + 1) if 0 < number <= len(lines))
    number = next((number for number in near if re.search(rb"(?:^|[\s;&|])exec\s", lines[number - 1])), 0)
    told = what if what == b"Permission denied" else b"not found"
    return b"%s: exec: line %d: %s: %s" % (name, number, command, told) if number else found[0]


def _about_file(found: re.Match[bytes], script: str) -> bytes:
    name, is_directory = found[1].decode("utf-8", "replace"), found[2] == b"Is a directory"
    word = rf"['\"]?{re.escape(name)}"
    if found[2] == b"Permission denied":
        what = "can't create " if re.search(rf">\|?\s*{word}", script) else ""
        return f"sh: {what}{name}: Permission denied".encode()
    if re.search(rf"(?:^|[\s;&|({{])(?:\.|source)\s+{word}", script):
        return f"sh: .: line 0: can't open '{name}': No such file or directory".encode()
    if re.search(rf">\|?\s*{word}", script):
        return f"sh: can't create {name}: {'Is a directory' if is_directory else 'nonexistent directory'}".encode()
    if re.search(rf"<\s*{word}", script) or "/" not in name:
        return found[0] if "/" not in name and "<" not in script else f"sh: can't open {name}: no such file".encode()
    return f"sh: {name}: {'Permission denied' if is_directory else 'not found'}".encode()


def _as_written(path: bytes, script: str) -> bytes:
    """A path as the script has it, if it does."""
    words = re.split(r"[\s'\";|&<>()]+", script)
    found = [word for word in words if word and path.decode("utf-8", "replace").endswith(f"/{word.lstrip('./')}")]
    return max(found, key=len, default=path.decode("utf-8", "replace")).encode()
