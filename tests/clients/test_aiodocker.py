"""aiodocker, a client of its own making, against a lab."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiodocker
import pytest

from .conftest import ClientLab

SLEEPS = {"ContainerSpec": {"Image": "alpine:latest", "Command": ["sh", "-c", "echo up; sleep 1000"]}}


@asynccontextmanager
async def connected(lab: ClientLab, node: str = "node-1") -> AsyncIterator[aiodocker.Docker]:
    async with aiodocker.Docker(url=lab.env(node)["DOCKER_HOST"]) as docker:
        yield docker


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until it is so; the test's own limit ends what never is."""
    while not await look():  # noqa: ASYNC110  (a client has nothing else to wait for)
        await asyncio.sleep(0.02)


@pytest.fixture
def swarm(lab: ClientLab) -> ClientLab:
    """A lab whose first engine is a manager and the second a worker."""
    lab.reset()

    async def work() -> None:
        async with connected(lab) as first, connected(lab, "node-2") as second:
            assert await first.swarm.init(advertise_addr="127.0.0.1")
            found = await first.swarm.inspect()
            joined = await second.swarm.join(
                join_token=found["JoinTokens"]["Worker"], remote_addrs=["127.0.0.1:2377"], advertise_addr="127.0.0.2"
            )
            assert joined is True

    asyncio.run(work())
    return lab


def test_a_swarm_is_made_and_left(lab: ClientLab) -> None:
    lab.reset()

    async def work() -> None:
        async with connected(lab) as docker:
            with pytest.raises(aiodocker.DockerError) as error:
                await docker.swarm.inspect()
            assert error.value.status == 503
            node_id = await docker.swarm.init(advertise_addr="127.0.0.1")
            assert [node["ID"] for node in await docker.nodes.list()] == [node_id]
            assert (await docker.system.info())["Swarm"]["NodeID"] == node_id
            with pytest.raises(aiodocker.DockerError, match="Use `--force` to ignore this message"):
                await docker.swarm.leave()
            assert await docker.swarm.leave(force=True) is True

    asyncio.run(work())


def test_nodes(swarm: ClientLab) -> None:
    async def work() -> None:
        async with connected(swarm) as docker:
            assert len(await docker.nodes.list()) == 2
            (worker,) = await docker.nodes.list(filters={"role": "worker"})
            spec = {**worker["Spec"], "Availability": "drain", "Labels": {"tier": "back"}}
            await docker.nodes.update(node_id=worker["ID"], version=worker["Version"]["Index"], spec=spec)
            found = await docker.nodes.inspect(node_id=worker["ID"])
            assert (found["Spec"]["Availability"], found["Spec"]["Labels"]) == ("drain", {"tier": "back"})
            with pytest.raises(aiodocker.DockerError, match="update out of sequence"):
                await docker.nodes.update(node_id=worker["ID"], version=worker["Version"]["Index"], spec=spec)
            with pytest.raises(aiodocker.DockerError) as error:
                await docker.nodes.remove(node_id=worker["ID"])
            assert "is not down and can't be removed" in error.value.message

    asyncio.run(work())


def test_a_service_its_tasks_and_logs(swarm: ClientLab) -> None:
    async def work() -> None:
        async with connected(swarm) as docker:
            made = await docker.services.create(
                SLEEPS, name="web", labels={"a": "b"}, mode={"Replicated": {"Replicas": 2}}
            )
            assert [s["ID"] for s in await docker.services.list(filters={"label": "a=b"})] == [made["ID"]]

            async def running() -> bool:
                tasks = await docker.tasks.list(filters={"service": "web", "desired-state": "running"})
                return [task["Status"]["State"] for task in tasks] == ["running", "running"]

            await until(running)
            tasks = await docker.tasks.list(filters={"service": "web"})
            assert (await docker.tasks.inspect(tasks[0]["ID"]))["ServiceID"] == made["ID"]
            assert {task["Slot"] for task in tasks} == {1, 2}
            assert len({task["NodeID"] for task in tasks}) == 2

            async def said() -> bool:
                return sorted(await docker.services.logs("web", stdout=True)) == ["up\n", "up\n"]

            await until(said)
            service = await docker.services.inspect("web")
            assert await docker.services.update("web", version=service["Version"]["Index"], image="alpine:nosuch")
            changed = await docker.services.inspect("web")
            assert changed["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "alpine:nosuch"
            assert await docker.services.update("web", version=changed["Version"]["Index"], rollback=True)
            assert await docker.services.delete("web") is True
            with pytest.raises(aiodocker.DockerError) as error:
                await docker.services.inspect("web")
            assert (error.value.status, error.value.message) == (404, "service web not found")

    asyncio.run(work())


def test_configs_and_secrets(swarm: ClientLab) -> None:
    async def work() -> None:
        async with connected(swarm) as docker:
            made = await docker.configs.create(name="site", data="hello", b64=False, labels={"a": "b"})
            found = await docker.configs.inspect(made["ID"])
            assert (found["Spec"]["Name"], found["Spec"]["Data"]) == ("site", "aGVsbG8=")
            assert await docker.configs.update("site", version=found["Version"]["Index"], labels={"c": "d"})
            assert (await docker.configs.inspect("site"))["Spec"]["Labels"] == {"c": "d"}
            assert await docker.configs.delete("site") is True
            assert await docker.configs.list() == []
            await docker.secrets.create(name="password", data="s3cret", b64=False)
            secret = await docker.secrets.inspect("password")
            assert "Data" not in secret["Spec"]
            with pytest.raises(aiodocker.DockerError) as error:
                await docker.secrets.create(name="password", data="again", b64=False)
            assert error.value.status == 409
            assert await docker.secrets.delete("password") is True

    asyncio.run(work())


def test_a_container_its_logs_files_and_commands(lab: ClientLab) -> None:
    async def work() -> None:
        async with connected(lab) as docker:
            config: dict[str, Any] = {"Image": "alpine", "Cmd": ["sh", "-c", "echo one; echo two >&2; sleep 1000"]}
            box = await docker.containers.create_or_replace("box", config)
            await box.start()
            assert (await box.show())["State"]["Status"] == "running"

            async def said() -> bool:
                return await box.log(stdout=True, stderr=True) == ["one\n", "two\n"]

            await until(said)
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as tar:
                member = tarfile.TarInfo("note")
                member.size = 5
                tar.addfile(member, io.BytesIO(b"hello"))
            await box.put_archive("/tmp", packed.getvalue())
            archive = await box.get_archive("/tmp/note")
            file = archive.extractfile("note")
            assert file is not None
            assert file.read() == b"hello"
            command = await box.exec(["cat", "/tmp/note"])
            async with command.start() as stream:
                message = await stream.read_out()
                assert message is not None
                assert (message.stream, message.data) == (1, b"hello")
                assert await stream.read_out() is None
            assert (await command.inspect())["ExitCode"] == 0
            reader = await box.exec(["cat"], stdin=True)
            async with reader.start() as stream:
                await stream.write_in(b"in and out\n")
                message = await stream.read_out()
                assert message is not None
                assert message.data == b"in and out\n"
            assert (await box.top())["Titles"][-1] == "CMD"
            assert [c.id for c in await docker.containers.list()] == [box.id]
            await box.kill()
            assert (await box.wait())["StatusCode"] == 137
            await box.delete()
            with pytest.raises(aiodocker.DockerError) as error:
                await box.show()
            assert error.value.status == 404

    asyncio.run(work())


def test_events_are_heard(lab: ClientLab) -> None:
    async def work() -> None:
        async with connected(lab) as docker:
            events = docker.events.subscribe()

            async def listening() -> bool:
                return docker.events.json_stream is not None

            await until(listening)
            box = await docker.containers.run(config={"Image": "alpine", "Cmd": ["true"]}, name="heard")
            await box.wait()
            await box.delete()
            heard = []
            while "destroy" not in heard:
                event = await events.get()
                if event is not None and event["Type"] == "container" and event["Actor"]["ID"] == box.id:
                    heard.append(event["Action"])
            assert heard == ["create", "start", "die", "destroy"]

    asyncio.run(work())


def test_what_a_stream_of_attach_says(lab: ClientLab) -> None:
    async def work() -> None:
        async with connected(lab) as docker:
            config = {"Image": "alpine", "Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True, "AttachStdin": True}
            box = await docker.containers.create(config)
            stream = box.attach(stdin=True, stdout=True)
            async with stream:
                await box.start()
                await stream.write_in(b"hello\n")
                message = await stream.read_out()
                assert message is not None
                assert message.data == b"hello\n"
            await box.delete(force=True)

    asyncio.run(work())


def test_an_image_is_built_and_run(lab: ClientLab) -> None:
    async def work() -> None:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as tar:
            for name, text in (("Dockerfile", b"FROM alpine\nARG A\nRUN echo $A > /x\nCOPY f /\n"), ("f", b"file\n")):
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        data.seek(0)
        async with connected(lab) as docker:
            said = await docker.images.build(fileobj=data, encoding="gzip", tag="aio:1", buildargs={"A": "1"})
            assert said[-1] == {"stream": "Successfully tagged aio:1\n"}
            container = await docker.containers.run({"Image": "aio:1", "Cmd": ["cat", "/x", "/f"]})
            await container.wait()
            assert await container.log(stdout=True) == ["1\n", "file\n"]
            await container.delete()

    asyncio.run(work())
