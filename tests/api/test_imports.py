import asyncio
import gzip
import io
import json
import tarfile
from typing import Any
from urllib.parse import quote

import pytest
from support.tars import image, tar

from swarmlab.api.progress import bar, human_size

from .conftest import Client, Reply
from .live import Live, frames

ROOT = tar(("app", None), ("app/hi", b"hello\n"), ("app/run.sh", b"#!/bin/sh\necho ran $A\n"))


def lines(reply: Reply) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.body.splitlines()]


def load(client: Client, data: bytes, query: str = "quiet=1") -> list[str]:
    """What is said, in short."""
    reply = client("POST", f"/images/load?{query}", data)
    assert reply.status == 200
    return [line.get("stream") or line.get("error") or line["status"] for line in lines(reply)]


def run(live: Live, name: str, *command: str) -> str:
    """What a container of an image writes."""
    made = live.create(*command, name="once", image=name)
    assert made.status == 201, made.body
    assert live.client("POST", "/containers/once/start").status == 204
    live.client("POST", "/containers/once/wait")
    written = frames(live.client("GET", "/containers/once/logs?stdout=1&stderr=1").body)
    live.client("DELETE", "/containers/once")
    return b"".join(data for _, data in written).decode()


@pytest.mark.parametrize("data", [ROOT, gzip.compress(ROOT)])
def test_an_archive_becomes_an_image(live: Live, data: bytes) -> None:
    changes = "".join(f"&changes={quote(line)}" for line in ('CMD ["/app/run.sh"]', "ENV A=1", "LABEL x=y"))
    reply = live.client("POST", f"/images/create?fromSrc=-&repo=mine&tag=1&message=why{changes}", data)
    (line,) = lines(reply)
    found = live.client("GET", "/images/mine:1/json").json
    assert found["Id"] == line["status"]
    assert (found["Comment"], found["Size"], found["Config"]["Env"]) == ("why", 28, ["A=1"])
    assert run(live, "mine:1") == "ran 1\n"
    assert run(live, "mine:1", "sh", "-c", "cat /app/hi; /bin/ls /app") == "hello\nhi\nrun.sh\n"
    named = [(event.action, event.attributes["name"]) for event in live.events.past() if event.type == "image"]
    assert named == [("create", found["Id"]), ("tag", "mine:1"), ("import", found["Id"])]
    assert live.events.past()[0].attributes["x"] == "y"


def test_an_archive_needs_no_name(client: Client) -> None:
    (line,) = lines(client("POST", "/images/create?fromSrc=-", ROOT))
    found = client("GET", f"/images/{line['status']}/json").json
    assert (found["RepoTags"], found["Comment"]) == ([], "Imported from -")
    (row,) = client("GET", f"/images/{line['status']}/history").json
    assert (row["Comment"], row["Size"]) == ("Imported from -", 28)
    assert lines(client("POST", "/images/create?fromSrc=-&repo=empty", b""))[0]["status"].startswith("sha256:")


@pytest.mark.parametrize(
    ("query", "data", "status", "message"),
    [
        ("fromSrc=-&repo=Mine:4", ROOT, 400, "invalid reference format: repository name must be lowercase"),
        (f"fromSrc=-&repo=mine@sha256:{'0' * 64}", ROOT, 400, "cannot import digest reference"),
        ("fromSrc=-&repo=mine&changes=FOO%20bar", ROOT, 400, "foo is not a valid change command"),
        ("fromSrc=-&platform=windows", ROOT, 400, "operating system is not supported"),
        ("fromSrc=-", b"junk", 500, "Error processing tar file(exit status 1): unexpected EOF"),
        ("fromSrc=file:///x", b"", 500, 'Get "file:///x": unsupported protocol scheme "file"'),
        ("fromSrc=http://example.org:1/x", b"", 500,
         'Get "http://example.org:1/x": dial tcp: lookup example.org: no such host'),
        ("", b"", 500, 'Get "http:": http: no Host in request URL'),
        ("fromSrc=http://", b"", 500, 'Get "http:": http: no Host in request URL'),
        ("fromSrc=http:///x", b"", 500, 'Get "http:///x": http: no Host in request URL'),
    ],
)  # fmt: skip
def test_nonsense_is_refused(client: Client, query: str, data: bytes, status: int, message: str) -> None:
    before = client("GET", "/images/json?all=1").json
    reply = client("POST", f"/images/create?{query}", data)
    assert (reply.status, reply.message) == (status, message)
    assert client("GET", "/images/json?all=1").json == before


def test_what_is_exported_can_be_imported(live: Live) -> None:
    live.start("sh", "-c", "echo mine > /etc/motd; rm /etc/group; sleep 1000")
    live.pass_until("start", 1)
    data = live.client("GET", "/containers/box/export").body
    lines(live.client("POST", "/images/create?fromSrc=-&repo=out", data))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [archive.getmember(f"etc/{name}").size for name in ("hostname", "hosts", "resolv.conf")] == [0, 0, 0]
    assert run(live, "out", "cat", "/etc/alpine-release").startswith("3.")
    assert run(live, "out", "/bin/sh", "-c", "/bin/ls /etc/passwd") == "/etc/passwd\n"


def test_an_archive_goes_from_engine_to_engine(live: Live) -> None:
    client = live.client
    lines(client("POST", "/images/create?fromSrc=-&repo=mine&tag=1", ROOT))
    client("POST", "/images/mine:1/tag?repo=mine&tag=2")
    before = client("GET", "/images/mine:1/json").json
    saved = client("GET", "/images/mine/get")
    assert saved.headers["Content-Type"] == "application/x-tar"
    assert client("DELETE", f"/images/{before['Id']}?force=1").status == 200
    said = load(client, saved.body, "")
    assert said == ["Loading layer", "Loading layer", "Loaded image: mine:1\n", "Loaded image: mine:2\n"]
    after = client("GET", "/images/mine:2/json").json
    assert (after["Id"], after["RepoTags"], after["Size"]) == (before["Id"], ["mine:1", "mine:2"], before["Size"])
    assert run(live, "mine:2", "cat", "/app/hi") == "hello\n"
    assert load(client, saved.body) == ["Loaded image: mine:1\n", "Loaded image: mine:2\n"]
    assert [event.action for event in live.events.past() if event.action in ("save", "load")] == [
        "save",
        "load",
        "load",
    ]


def test_what_to_save(client: Client) -> None:
    def manifest(path: str) -> Any:
        with tarfile.open(fileobj=io.BytesIO(client("GET", path).body)) as archive:
            file = archive.extractfile("manifest.json")
            assert file is not None
            return json.loads(file.read())

    nginx = [tag for tag in manifest("/images/nginx/get") if tag["RepoTags"] == ["nginx:alpine"]]
    assert len(manifest("/images/nginx/get")) > len(nginx) == 1
    both = manifest("/images/get?names=busybox&names=alpine:latest&names=busybox:latest")
    assert [entry["RepoTags"] for entry in both] == [["busybox:latest"], ["alpine:latest"]]
    image_id = client("GET", "/images/alpine/json").json["Id"]
    assert manifest(f"/images/{image_id[7:19]}/get")[0]["RepoTags"] is None
    assert manifest("/images/get") is None


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("get?names=nosuch", 404, "No such image: nosuch"),
        ("nosuch/get", 404, "No such image: nosuch"),
        ("get?names=alpine&names=nosuch:1", 404, "reference does not exist"),
        ("NoSuch/get", 500, "invalid reference format: repository name must be lowercase"),
    ],
)
def test_what_cannot_be_saved(client: Client, path: str, status: int, message: str) -> None:
    reply = client("GET", f"/images/{path}")
    assert (reply.status, reply.message) == (status, message)


def test_what_a_real_engine_saves_is_loaded(live: Live) -> None:
    binary = b"\x7fELF" + bytes(100)
    data = image(
        tar(
            ("bin/busybox", binary),
            ("bin/ls", binary),
            ("bin/tool", binary),
            ("etc/passwd", b"root:x:0:0::/:/bin/sh\n"),
        ),
        "bb:1",
    )
    assert load(live.client, gzip.compress(data)) == ["Loaded image: bb:1\n"]
    assert run(live, "bb:1", "/bin/ls", "/etc/passwd") == "/etc/passwd\n"
    assert run(live, "bb:1", "sh", "-c", "/bin/ls -d /etc; cat /etc/passwd") == "/etc\nroot:x:0:0::/:/bin/sh\n"
    live.create("/bin/tool", image="bb:1")
    refused = live.client("POST", "/containers/box/start")
    assert refused.message.endswith('exec: "/bin/tool": exec format error: unknown')


def test_a_name_that_is_taken_changes_hands(client: Client) -> None:
    old = client("GET", "/images/alpine/json").json["Id"]
    said = load(client, image(ROOT, "alpine:latest"))
    assert said == [
        f"The image alpine:latest already exists, renaming the old one with ID {old} to empty string\n",
        "Loaded image: alpine:latest\n",
    ]
    assert client("GET", f"/images/{old}/json").json["RepoTags"] == []


def test_an_image_without_a_name_is_loaded_by_its_id(client: Client) -> None:
    (said,) = load(client, image(ROOT))
    assert client("GET", f"/images/{said.removeprefix('Loaded image ID: ').strip()}/json").status == 200


def test_a_bad_archive_loads_nothing(client: Client) -> None:
    before = client("GET", "/images/json?all=1").json
    for data, said in ((b"junk", "unexpected EOF"), (image(ROOT, "Bad:1"), "repository name must be lowercase")):
        (line,) = lines(client("POST", "/images/load", data))
        assert line["error"] == line["errorDetail"]["message"]
        assert said in line["error"]
    assert client("GET", "/images/json?all=1").json == before


def test_progress_is_drawn_as_docker_draws_it() -> None:
    assert [human_size(size) for size in (0, 999, 1000, 2_140_160, 5e12)] == ["0B", "999B", "1kB", "2.14MB", "5TB"]
    half = bar("Loading layer", "0123456789ab", 1000, 2000)["progress"]
    assert half == f"[{'=' * 25}>{' ' * 25}]      1kB/2kB"


def test_who_does_not_read_the_answer_has_loaded_the_image_all_the_same(client: Client) -> None:
    data = image(ROOT, "unread:1")

    async def work() -> bytes:
        await client.connect()
        reader, writer = await asyncio.open_unix_connection(str(client.socket))
        writer.write(b"POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        first = await reader.readline()
        writer.transport.abort()
        return first

    assert client.run(work()).startswith(b"HTTP/1.1 200")
    assert client("GET", "/images/unread:1/json").status == 200


def test_an_image_from_elsewhere_with_a_shell_has_the_commands_that_it_shows(live: Live) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name in ("bin/busybox", "bin/sh", "bin/cat", "bin/ls"):
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            info.type, info.linkname = (tarfile.REGTYPE, "") if name == "bin/busybox" else (tarfile.SYMTYPE, "busybox")
            tar.addfile(info, io.BytesIO(b""))
    lines(live.client("POST", "/images/create?fromSrc=-&repo=small", data.getvalue()))
    assert run(live, "small", "cat", "/nosuch") == "cat: can't open '/nosuch': No such file or directory\n"
    assert run(live, "small", "sh", "-c", "wc -c /bin/sh; curl x") == "sh: wc: not found\nsh: curl: not found\n"
    # Nothing that only an image of the catalogue has.
    assert not {"home", "media", "root", "usr", "var"} & set(run(live, "small", "ls", "/").split())
    live.create("bash", name="none", image="small")
    reply = live.client("POST", "/containers/none/start")
    assert reply.message.endswith('exec: "bash": executable file not found in $PATH: unknown')
