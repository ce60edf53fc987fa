"""nginx where it may not write: on read-only files, and as another user than root."""

from pathlib import Path
from typing import Any

import pytest

from swarmlab.runtime.base import File, Mount
from swarmlab.runtime.virtual.nginx.paths import Write, refusal

from .support import Lab, fetch, output, run, wait_for_output, within

_WARNING = (
    b'nginx: [warn] the "user" directive makes sense only if the master process runs with super-user privileges, '
    b"ignored in /etc/nginx/nginx.conf:1\n"
)
_OWN = b"pid /tmp/nginx.pid;\nevents {}\nhttp {\n" + b"".join(
    f"{name}_temp_path /tmp/{name};\n".encode() for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


def in_memory(path: str) -> Mount:
    return Mount(target=path, source=None)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"read_only": True},
            b'nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)\n',
        ),
        (
            {"read_only": True, "mounts": (in_memory("/var/cache/nginx"),)},
            b'nginx: [emerg] open() "/run/nginx.pid" failed (30: Read-only file system)\n',
        ),
        (
            {"user": "1000:1000"},
            _WARNING + b'nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)\n',
        ),
    ],
)
def test_nginx_ends_where_it_may_not_write(tmp_path: Path, changes: dict[str, Any], complaint: bytes) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine", **changes)
        assert await container.wait() == 1
        assert complaint in await output(container, "stderr")

    within(tmp_path, test)


@pytest.mark.parametrize(
    "changes",
    [
        {"read_only": True, "mounts": (in_memory("/var/cache/nginx"), in_memory("/run"))},
        {
            "user": "1000:1000",
            "files": (File("/etc/nginx/nginx.conf", _OWN + b"server { listen 80; return 200 mine; }\n}\n"),),
        },
    ],
)
def test_nginx_serves_when_it_has_places_to_write(tmp_path: Path, changes: dict[str, Any]) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine", **changes)
        head, _ = await fetch(container)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")

    within(tmp_path, test)


def test_nginx_makes_folders_for_what_it_cannot_keep_in_memory(tmp_path: Path) -> None:
    """`docker diff` shows them, and their worker's they are (nginx: ngx_create_paths)."""

    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine")
        await fetch(container)
        folders = [f"/var/cache/nginx/{name}_temp" for name in ("client", "fastcgi", "proxy", "scgi", "uwsgi")]
        changed = [change.path for change in container.changes() if change.kind == 1]
        assert changed == ["/run/nginx.pid", *folders]
        assert (await run(container, "stat", "-c", "%A %U %G", *folders))[1] == b"drwx------ nginx root\n" * 5

    within(tmp_path, test)


def test_another_images_nginx_keeps_them_elsewhere(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine", "sh", "-c", "rm -r /var/cache/nginx; exec nginx -g 'daemon off;'")
        await wait_for_output(container, b"start worker process ")
        assert "/var/cache/nginx" in [change.path for change in container.changes() if change.kind == 2]

    within(tmp_path, test)


def test_a_pid_file_that_is_its_users_own_may_be_in_anybodys_directory(tmp_path: Path) -> None:
    """Images made for `USER nginx` have one."""

    async def test(made: Lab) -> None:
        box = await made.start("nginx:alpine", "sleep", "1000", stop_signal="SIGKILL")
        await run(box, "sh", "-c", "touch /var/run/own.pid /var/run/other.pid; chown nginx /var/run/own.pid")
        own, other, new = (Write("open()", f"/var/run/{name}.pid") for name in ("own", "other", "new"))
        root = box._machine.root
        assert refusal(root, 101, [own]) == ""
        assert refusal(root, 101, [own, other]) == 'open() "/var/run/other.pid" failed (13: Permission denied)'
        assert refusal(root, 101, [new]) == 'open() "/var/run/new.pid" failed (13: Permission denied)'

    within(tmp_path, test)
