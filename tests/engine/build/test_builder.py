import asyncio
import io
import json
import tarfile
from collections.abc import Callable

import pytest
from support.tars import tar

from engine.conftest import LabOfEngines
from swarmlab.engine import DockerEngine, EngineError
from swarmlab.engine.build import BuildOptions, Said, StageBuilt
from swarmlab.engine.build.builder import tag_names
from swarmlab.network import Shut
from swarmlab.runtime.virtual import contents

Make = Callable[..., LabOfEngines]


def context(dockerfile: str) -> io.BytesIO:
    return io.BytesIO(tar(("Dockerfile", dockerfile.encode()), ("a", b"a")))


async def said(engine: DockerEngine, dockerfile: str, **options: object) -> list[str]:
    messages = engine.builder.build(BuildOptions(**options), context(dockerfile))  # type: ignore[arg-type]
    return [m.text if isinstance(m, Said) else m.image_id async for m in messages if isinstance(m, Said | StageBuilt)]


def test_images_and_cache_outlive_a_crash(make: Make) -> None:
    lab = make(1)
    dockerfile = "FROM alpine\nRUN echo hi > /x\nCOPY a /\nCMD cat /x"
    first = lab.run(said(lab.engine(1), dockerfile, tags=("mine:1",)), limit=1e7)
    lab.crash()
    image = lab.engine(1).images.get("mine:1")
    assert image.tree().files["/x"].read_bytes() == b"hi\n"
    again = lab.run(said(lab.engine(1), dockerfile), limit=1e7)
    assert again.count(" ---> Using cache\n") == 3
    assert image.id in first
    assert image.id in again


def test_owners_and_links_come_into_the_image(make: Make) -> None:
    lab = make(1)
    files = io.BytesIO(tar(("d/a", b"a")))
    with tarfile.open(fileobj=files, mode="a") as archive:
        link = tarfile.TarInfo("d/l")
        link.type, link.linkname, link.uid = tarfile.SYMTYPE, "a", 55
        archive.addfile(link)
        lines = b"""FROM alpine AS one
COPY --chown=nobody:mail d /new/deep
COPY --chown=7 d/a /alone/a
COPY d /plain
RUN chown -R 8:9 /plain/a && mv /plain/a /plain/b && touch /own && chown -h 5 /new/deep/l
FROM busybox
COPY --from=one /new /new
COPY --from=one --chown=3:4 /plain /plain
COPY --from=one /new/deep/l /l
COPY --from=alpine /bin/sh /sh
"""
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(lines)
        archive.addfile(info, io.BytesIO(lines))
    files.seek(0)

    async def images() -> list[str]:
        messages = lab.engine(1).builder.build(BuildOptions(), files)
        return [message.image_id async for message in messages if isinstance(message, StageBuilt)]

    one, two = (lab.engine(1).images.get(found).tree() for found in lab.run(images(), limit=1e7))
    assert one.owners == {
        "/new/deep": (65534, 12), "/new/deep/a": (65534, 12), "/new/deep/l": (5, 12),
        "/alone": (7, 7), "/alone/a": (7, 7), "/plain/b": (8, 9),
    }  # fmt: skip
    assert one.links.items() >= {"/new/deep/l": "a", "/plain/l": "a"}.items()
    assert two.owners == {
        "/new/deep": (65534, 12), "/new/deep/a": (65534, 12), "/new/deep/l": (5, 12), "/l": (65534, 12),
        "/plain": (3, 4), "/plain/b": (3, 4), "/plain/l": (3, 4),
    }  # fmt: skip
    assert two.files["/l"].read_bytes() == b"a"
    # In alpine it is a link to BusyBox.
    meant = contents(lab.engine(1).images.get("alpine"))["/bin/busybox"].content
    assert meant is not None
    assert two.files["/sh"].read_bytes() == meant.read_bytes()


def test_labels_of_a_container_that_has_none(make: Make) -> None:
    lab = make(1)
    found = {}
    for last in ("ENV A=1", "WORKDIR /x", "COPY a /a", "RUN true", "LABEL a=1"):
        lab.run(said(lab.engine(1), f"FROM alpine\n{last}", tags=("mine:1",)), limit=1e7)
        document = json.loads(lab.engine(1).images.get("mine:1").document)
        found[last] = document["config"]["Labels"], document["container_config"]["Labels"]
    assert found == {
        "ENV A=1": (None, {}), "WORKDIR /x": (None, {}), "COPY a /a": (None, None), "RUN true": (None, None),
        "LABEL a=1": ({"a": "1"}, {"a": "1"}),
    }  # fmt: skip


def test_other_engines_know_nothing_of_it(make: Make) -> None:
    lab = make(2)
    lab.run(said(lab.engine(1), "FROM alpine\nENV A=1", tags=("mine:1",)))
    assert lab.engine(2).images.find("mine:1") is None


def test_a_build_ends_with_its_engine(make: Make) -> None:
    lab = make(1)
    engine = lab.engine(1)

    async def work() -> None:
        build = asyncio.ensure_future(said(engine, "FROM alpine\nRUN sleep 1000", tags=("mine:1",)))
        async for event in engine.events.subscribe(since=1):
            if event.action == "start":
                break
        await lab.lab.power("node-1", "stop")
        with pytest.raises(EngineError, match="returned a non-zero code: 137"):
            await build

    lab.run(work())
    assert lab.engine(1).images.find("mine:1") is None


def test_closing_the_iterator_ends_the_build(make: Make) -> None:
    lab = make(1)
    engine = lab.engine(1)

    async def work() -> None:
        messages = engine.builder.build(BuildOptions(), context("FROM alpine\nRUN echo begun; sleep 1000"))
        async for message in messages:
            if isinstance(message, Said) and message.text == "begun\n":
                break
        await messages.aclose()  # type: ignore[attr-defined]

    lab.run(work())
    assert engine.containers.list(all=True) == []


def test_names_for_an_image() -> None:
    assert [str(name) for name in tag_names(["a", "", "a:latest", "x.org/b:1"])] == ["a:latest", "x.org/b:1"]
    with pytest.raises(EngineError, match="build tag cannot contain a digest"):
        tag_names([f"a@sha256:{'0' * 64}"])


class ThisMachine(Shut):
    """An outside where example.org is this machine."""

    async def lookup(self, name: str) -> list[str]:
        return ["192.0.2.1"] if name == "example.org" else []

    def real(self, address: str, port: int) -> tuple[str, int] | None:
        return ("127.0.0.1", port) if address == "192.0.2.1" else None


def test_a_file_is_added_by_its_url(make: Make) -> None:
    """An archive stays one, and the cache is used when the same comes again."""
    lab = make(1, outside=ThisMachine())
    archive = tar(("inside", b"i"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(archive) + archive)
        await writer.drain()
        writer.close()

    async def build() -> tuple[list[str], list[str]]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            url = f"http://example.org:{server.sockets[0].getsockname()[1]}/a.tar"
            dockerfile = f"FROM alpine\nADD --chown=5:6 {url} /x/\nRUN stat -c '%u %g %a %s' /x/a.tar"
            return await said(lab.engine(1), dockerfile), await said(lab.engine(1), dockerfile)

    first, again = lab.run(build(), limit=1e7)
    assert f"5 6 600 {len(archive)}\n" in first
    assert again.count(" ---> Using cache\n") == 2


def test_a_url_is_not_fetched_from_outside_of_the_lab(make: Make) -> None:
    lab = make(1)
    with pytest.raises(EngineError) as error:
        lab.run(said(lab.engine(1), "FROM alpine\nADD http://nosuch.invalid/x /x"), limit=1e7)
    assert (
        str(error.value) == 'ADD failed: Get "http://nosuch.invalid/x": dial tcp: lookup nosuch.invalid: no such host'
    )
