import asyncio
import base64
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Client
from .live import Live


@pytest.fixture
def live(client: Client, tmp_path: Path) -> Iterator[Live]:
    made = Live(client, tmp_path)
    made.create("true")
    yield made
    made.close()


def packed(**files: bytes | None) -> bytes:
    """A tar archive; `__` in a name is a slash, None a directory."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.mode = 0o640
            if content is None:
                info.type = tarfile.DIRTYPE
                info.mode = 0o750
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))
    return data.getvalue()


def put(live: Live, path: str, body: bytes, query: str = "") -> Any:
    return live.client("PUT", f"/containers/box/archive?path={path}{query}", body)


def fetch(live: Live, path: str) -> dict[str, bytes | None]:
    reply = live.client("GET", f"/containers/box/archive?path={path}")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-tar")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        return {m.name: f.read() if (f := tar.extractfile(m)) is not None else None for m in tar}


def stat(reply: Any) -> Any:
    return json.loads(base64.b64decode(reply.headers["X-Docker-Container-Path-Stat"]))


def test_what_is_put_in_comes_out(live: Live) -> None:
    assert put(live, "/tmp", packed(d=None, d__a=b"1", d__sub__b=b"2")).status == 200
    assert fetch(live, "/tmp/d") == {"d": None, "d/a": b"1", "d/sub": None, "d/sub/b": b"2"}
    assert fetch(live, "/tmp/d/.") == {".": None, "./a": b"1", "./sub": None, "./sub/b": b"2"}
    assert fetch(live, "/tmp/d/a") == {"a": b"1"}
    assert live.actions()[-2:] == ["archive-path", "archive-path"]
    found = stat(live.client("HEAD", "/containers/box/archive?path=/tmp/d/a"))
    assert (found["name"], found["size"], found["mode"], found["linkTarget"]) == ("a", 1, 0o640, "")
    assert stat(live.client("HEAD", "/containers/box/archive?path=/tmp/d"))["mode"] == 0o750 | 1 << 31


def test_changes_and_export(live: Live) -> None:
    assert live.client("GET", "/containers/box/changes").json is None
    put(live, "/etc", packed(new=b"x", group=b"changed"))
    assert live.client("GET", "/containers/box/changes").json == [
        {"Path": "/etc", "Kind": 0}, {"Path": "/etc/group", "Kind": 0}, {"Path": "/etc/new", "Kind": 1}
    ]  # fmt: skip
    live.client("POST", "/containers/box/start")
    with tarfile.open(fileobj=io.BytesIO(live.client("GET", "/containers/box/export").body)) as tar:
        assert "etc/new" in tar.getnames()


def linked(live: Live) -> None:
    """A directory with a file and a link, and links to the directory and to nothing."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, target in (("d/a", ""), ("d/link", "a"), ("dlink", "/tmp/d"), ("broken", "/nowhere"), ("me", "me")):
            info = tarfile.TarInfo(name)
            if target:
                info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info, io.BytesIO())
    assert put(live, "/tmp", data.getvalue()).status == 200


def test_a_slash_at_the_end_means_what_a_link_leads_to(live: Live) -> None:
    """MB: daemon/archive_unix.go, container.ResolvePath; recorded from engine 20.10."""
    linked(live)
    for path, names in (
        ("dlink", ["dlink"]), ("dlink/", ["dlink", "dlink/a", "dlink/link"]), ("dlink/.", [".", "./a", "./link"])
    ):  # fmt: skip
        body = live.client("GET", f"/containers/box/archive?path=/tmp/{path}").body
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            assert tar.getnames() == names
    head = "/containers/box/archive?path=/tmp"
    for path, name, target in (
        ("dlink", "dlink", "/tmp/d"), ("dlink/", "dlink", ""), ("dlink/.", ".", ""), ("d/", "d", ""),
        ("d/link", "link", "/tmp/d/a"), ("broken", "broken", "/nowhere"), ("me", "me", "me"), ("../tmp/d", "d", ""),
    ):  # fmt: skip
        found = stat(live.client("HEAD", f"{head}/{path}"))
        assert (found["name"], found["linkTarget"], bool(found["mode"] >> 31)) == (name, target, not target)
    assert stat(live.client("HEAD", "/containers/box/archive?path=/"))["name"] == "/"
    assert live.client("HEAD", f"{head}/broken/").status == 404


@pytest.mark.parametrize("path", ["/tmp/d/a/", "/tmp/d/a/.", "/tmp/d/link/", "/tmp/d/a/x"])
def test_nothing_is_in_a_file(live: Live, path: str) -> None:
    linked(live)
    reply = live.client("GET", f"/containers/box/archive?path={path}")
    assert reply.status == 500
    assert reply.message.startswith("lstat /var/lib/docker/overlay2/")
    assert reply.message.endswith(f"/merged{path}: not a directory")


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_a_file_that_is_mounted_is_not_replaced(live: Live, name: str) -> None:
    reply = put(live, "/etc", packed(**{name: b"x"}))
    assert (reply.status, reply.message) == (
        500,
        f"Error processing tar file(exit status 1): unlinkat /etc/{name}: device or resource busy",
    )


def test_what_is_no_archive(live: Live) -> None:
    reply = put(live, "/tmp", b"garbage\n")
    assert (reply.status, reply.message) == (500, "Error processing tar file(exit status 1): unexpected EOF")


def test_what_is_not_there_is_not_found(live: Live) -> None:
    path = "/containers/box/archive"
    reply = live.client("GET", f"{path}?path=/nosuch")
    assert (reply.status, reply.message) == (404, "Could not find the file /nosuch in container box")
    assert put(live, "/nosuch", packed(a=b"")).message == "Could not find the file /nosuch in container box"
    assert live.client("HEAD", f"{path}?path=/nosuch").status == 404
    assert live.client("GET", f"{path}?path=").message == "bad parameter: pathcannot be empty"
    assert live.client("GET", "/containers/nosuch/archive?path=/").status == 404


def test_nothing_is_extracted_where_it_does_not_fit(live: Live) -> None:
    reply = put(live, "/etc/hostname", packed(a=b""))
    assert (reply.status, reply.message) == (400, "extraction point is not a directory")
    assert put(live, "/tmp", b"no archive" * 100).status == 500
    put(live, "/tmp", packed(d=None, f=b"x"))
    refused = put(live, "/tmp", packed(d=b"file"), "&noOverwriteDirNonDir=1")
    assert refused.message == 'cannot overwrite directory "/tmp/d" with non-directory "/tmp/d"'
    refused = put(live, "/tmp", packed(f=None), "&noOverwriteDirNonDir=true")
    assert refused.message == 'cannot overwrite non-directory "/tmp/f" with directory "/tmp/f"'
    assert put(live, "/tmp", packed(d=b"file")).status == 200
    assert fetch(live, "/tmp/d") == {"d": b"file"}


def test_no_path_leads_out(live: Live) -> None:
    assert put(live, "/tmp", packed(**{"../../../escaped": b"x"})).status == 200
    assert fetch(live, "/tmp/escaped") == {"escaped": b"x"}


def test_links_are_kept_and_their_directories_followed(live: Live) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, target in (("link", "/etc"), ("loop", "loop")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    assert put(live, "/tmp", data.getvalue()).status == 200
    found = stat(live.client("HEAD", "/containers/box/archive?path=/tmp/link"))
    assert (found["linkTarget"], found["mode"] & 1 << 27) == ("/etc", 1 << 27)
    assert list(fetch(live, "/tmp/link/hostname")) == ["hostname"]
    assert put(live, "/tmp/link", packed(through=b"x")).status == 200
    assert fetch(live, "/etc/through") == {"through": b"x"}
    assert live.client("GET", "/containers/box/archive?path=/tmp/loop/x").status == 404


def test_files_of_a_server_are_really_changed_but_its_links_stay_inside(live: Live) -> None:
    live.run("", name="web", image="nginx:alpine", Cmd=None)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("index.html")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"mine\n"))
        link = tarfile.TarInfo("passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../../etc/passwd"
        tar.addfile(link)
    path = "/containers/web/archive?path=/usr/share/nginx/html"
    assert live.client("PUT", path, data.getvalue()).status == 200

    async def ask(page: str) -> bytes:
        host, port = live.engine.containers.runtime_container(live.engine.containers.find("web").id).ports()[80]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {page} HTTP/1.0\r\n\r\n".encode())
        body: bytes = await reader.read()
        writer.close()
        await writer.wait_closed()
        return body.partition(b"\r\n\r\n")[2]

    assert live.client.run(ask("/index.html")) == b"mine\n"
    served = live.client.run(ask("/passwd"))
    assert served.startswith(b"root:x:0:0:")
    assert served != Path("/etc/passwd").read_bytes()


def test_volumes_are_mounted_while_files_are_copied(live: Live) -> None:
    live.create("true", name="with", HostConfig={"Binds": ["vol:/d"]})
    before = len(live.actions())
    for method, path, body, status in (
        ("HEAD", "/d", None, 200),
        ("GET", "/d", None, 200),
        ("PUT", "/d", packed(a=b"1"), 200),
        ("HEAD", "/no", None, 404),
    ):
        assert live.client(method, f"/containers/with/archive?path={path}", body).status == status
    visit = ["mount", "unmount"]
    expected = [*visit, *visit, "archive-path", *visit, "extract-to-dir", *visit]
    assert live.actions()[before:] == expected
    told = live.events.past()[-1].attributes
    assert told["driver"] == "local"
