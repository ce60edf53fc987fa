import asyncio
import io
from collections.abc import Callable

import pytest
from support.tars import tar

from engine.conftest import LabOfEngines
from swarmlab.engine import DockerEngine, EngineError
from swarmlab.engine.build import BuildOptions, Said, StageBuilt
from swarmlab.engine.build.builder import tag_names

Make = Callable[..., LabOfEngines]


def context(dockerfile: str) -> io.BytesIO:
    return io.BytesIO(tar(("Dockerfile", dockerfile.encode()), ("a", b"a")))


async def said(engine: DockerEngine, dockerfile: str, **options: object) -> list[str]:
    messages = engine.builder.build(BuildOptions(**options), context(dockerfile))  # type: ignore[arg-type]
    return [m.text if isinstance(m, Said) else m.image_id async for m in messages if isinstance(m, Said | StageBuilt)]


def test_images_and_cache_outlive_a_crash(make: Make) -> None:
    lab = make(1)
    dockerfile = "FROM alpine\nRUN echo hi > /x\nCOPY a /\nCMD cat /x"
    first = lab.run(said(lab.engine(1), dockerfile, tags=("mine:1",)))
    lab.crash()
    image = lab.engine(1).images.get("mine:1")
    assert image.tree().files["/x"].read_bytes() == b"hi\n"
    again = lab.run(said(lab.engine(1), dockerfile))
    assert again.count(" ---> Using cache\n") == 3
    assert image.id in first
    assert image.id in again


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
