"""What nginx writes when it starts, and why it cannot (nginx: ngx_create_paths, ngx_create_pidfile)."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from swarmlab.runtime.virtual.files.files import RootFs

#: Directives of the folders that it makes for what it cannot keep in memory, and where the official images have these.
FOLDERS = {
    "client_body_temp_path": "/var/cache/nginx/client_temp",
    "proxy_temp_path": "/var/cache/nginx/proxy_temp",
    "fastcgi_temp_path": "/var/cache/nginx/fastcgi_temp",
    "uwsgi_temp_path": "/var/cache/nginx/uwsgi_temp",
    "scgi_temp_path": "/var/cache/nginx/scgi_temp",
}
_PID_FILE = "/run/nginx.pid"
_ANYBODY, _OWNER, _PRIVATE = 0o002, 0o200, 0o700


class Write(NamedTuple):
    """One thing that is to be made: by which call, and where."""

    call: str
    path: str


def writes(tree: Sequence[Mapping[str, Any]]) -> tuple[Write, ...]:
    """What a configuration has nginx write, in its order. `tree` is of statements as crossplane gives them."""
    http = [statement for block in tree if block["directive"] == "http" for statement in block["block"]]
    folders = [Write("mkdir()", _argument(http, name, default)) for name, default in FOLDERS.items()] if http else []
    return (*folders, Write("open()", _argument(tree, "pid", _PID_FILE)))


def ignored_user(tree: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What nginx says of `user` to everybody but root."""
    for statement in tree:
        if statement["directive"] == "user":
            yield (
                'nginx: [warn] the "user" directive makes sense only if the master process runs with super-user '
                f"privileges, ignored in {statement['file']}:{statement['line']}\n"
            )


def refusal(root: RootFs, uid: int, wanted: Iterable[Write]) -> str:
    """Why a user cannot start nginx on these files, in its words without `nginx: [emerg] `; empty when he can."""
    for call, path in wanted:
        if call == "mkdir()" and root.exists(path):
            continue
        if root.is_read_only(path):
            return f'{call} "{path}" failed (30: Read-only file system)'
        if uid and not _may_write(root, uid, path):
            return f'{call} "{path}" failed (13: Permission denied)'
    return ""


def make_folders(root: RootFs, uid: int, wanted: Iterable[Write]) -> None:
    """Make the folders that are not there; they are of the user whose worker writes there, and nobody else's.

    Where an image does not have what they would be in, another nginx would keep them elsewhere.
    """
    for call, path in wanted:
        if call == "mkdir()" and not root.is_directory(path) and root.is_directory(posixpath.dirname(path)):
            fs, inner = root.at(path)
            fs.mkdir(inner)
            fs.chmod(inner, _PRIVATE)
            root.give(path, uid, 0)


def worker(tree: Sequence[Mapping[str, Any]]) -> str:
    """The name of the user that root's worker is, which the official images' nginx was told when it was made."""
    return _argument(tree, "user", "nginx")


def _argument(statements: Iterable[Mapping[str, Any]], directive: str, default: str) -> str:
    return next((item["args"][0] for item in statements if item["directive"] == directive and item["args"]), default)


def _may_write(root: RootFs, uid: int, path: str) -> bool:
    """Whether a user may write a file that is there, or make what is not."""
    there = path
    while not (root.is_directory(there) or (there == path and root.exists(path))):
        there = posixpath.dirname(there)
    if root.mounts.hold(there):
        # A tmpfs is everybody's, and volumes here do not tell their users apart.
        return True
    fs, inner = root.at(there)
    mode = fs.stat(inner)["mode"]
    return bool(mode & _ANYBODY) or (root.owner(there)[0] == uid and bool(mode & _OWNER))
