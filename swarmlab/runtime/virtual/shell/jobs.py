"""Lists that run in the background: found in a script, and made to hand on at once what they write.

The interpreter keeps what a job writes until the job ends. A pipeline, however, streams, so that

    while true; do date; sleep 1; done &

becomes

    { { while true; do date; sleep 1; done; } | .out; exit ${PIPESTATUS[0]}; } &

where `.out` writes to the shell's own output. With `> FILE` behind it `.to > FILE` writes to the file. Lines keep
their numbers. What commands of swarmlab write to standard error is seen at once by itself; `echo` is one of them in
such a script (see `echo.py`), so that only the interpreter's own complaints of a job wait for its end.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

_CLOSE = b"; exit ${PIPESTATUS[0]}; } "
#: What wants for itself what is written in it.
_CAPTURES = frozenset({"command_substitution", "process_substitution"})
#: What looks like a job's end in a script that the parser cannot read as a whole.
_JOB = re.compile(r"(?<![&<>|\\])&(?![&>])")
_INTO_FILE = frozenset({">", ">>", ">|"})


class Script(NamedTuple):
    """A script to be run; `has_jobs` tells whether it may end before all that it has begun does."""

    text: str
    has_jobs: bool


def with_live_jobs(script: str) -> Script:
    """A script whose jobs hand on what they write. One that cannot be read is left as it is."""
    if "&" not in script:
        return Script(script, has_jobs=False)
    source = script.encode("utf-8", "surrogateescape")
    root = _parser().parse(source).root_node
    nodes = list(_walk(root))
    jobs = [job for node in nodes if node.type == "&" and (job := node.prev_named_sibling) is not None]
    if root.has_error:
        return Script(script, has_jobs=_JOB.search(script) is not None)
    if any(map(_is_redirection_of_all, nodes)):
        return Script(script, has_jobs=bool(jobs))
    added: list[tuple[int, bytes]] = []
    for job in jobs:
        if _is_captured(job):
            continue
        redirects = _into_files(job)
        if redirects:
            joins = b"exec 2>&1; " if any(_joins(each) for each in redirects) else b""
            added += [
                (job.start_byte, b"{ { " + joins),
                (redirects[0].start_byte, b"; } | .to "),
                (job.end_byte, _CLOSE),
            ]
        else:
            added += [(job.start_byte, b"{ { "), (job.end_byte, b"; } | .out" + _CLOSE)]
    parts, position = [], 0
    for at, text in sorted(added, key=lambda one: one[0]):
        parts += [source[position:at], text]
        position = at
    rewritten = b"".join((*parts, source[position:])).decode("utf-8", "surrogateescape")
    return Script(rewritten, has_jobs=bool(jobs))


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _walk(node: Node) -> Iterator[Node]:
    """A node and all that is in it, what begins first coming first."""
    waiting = [node]
    while waiting:
        yield (one := waiting.pop())
        waiting += reversed(one.children)


def _is_redirection_of_all(node: Node) -> bool:
    """Whether it is `exec > FILE`: what jobs write goes elsewhere, too."""
    return node.type == "redirected_statement" and (node.text or b"").split()[:1] == [b"exec"]


def _is_captured(job: Node) -> bool:
    """Whether somebody else than the shell's own output gets what a job writes."""
    below, node = job, job.parent
    while node is not None:
        if node.type in _CAPTURES or (node.type == "pipeline" and below != node.named_children[-1]):
            return True
        if node.type == "redirected_statement" and any(_writes(each) for each in _redirects(node)):
            return True
        below, node = node, node.parent
    return False


def _into_files(job: Node) -> list[Node]:
    """The redirections behind a job, if all of them say where its output goes, and the first names a file."""
    redirects = _redirects(job) if job.type == "redirected_statement" else []
    if not all(_writes(each) for each in redirects) or not any(_operator(each) in _INTO_FILE for each in redirects[:1]):
        return []
    # What else goes elsewhere by itself, errors for one, has no stream of its own.
    plain = all(each.child_by_field_name("descriptor") is None or _joins(each) for each in redirects)
    return redirects if plain else []


def _redirects(statement: Node) -> list[Node]:
    return statement.children_by_field_name("redirect")


def _operator(redirect: Node) -> str:
    return next((each.type for each in redirect.children if not each.is_named), "")


def _writes(redirect: Node) -> bool:
    return redirect.type == "file_redirect" and ">" in _operator(redirect)


def _joins(redirect: Node) -> bool:
    return (redirect.text or b"").replace(b" ", b"") == b"2>&1"
