import asyncio
import contextlib
import socket
from pathlib import Path

from .support import Lab, output, run, within


def test_commands_of_every_kind(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("redis")

        async def cli(*words: str) -> str:
            code, shown = await run(container, "redis-cli", *words)
            assert code == 0
            return shown.decode().rstrip("\n")

        assert await cli("ping") == "PONG"
        assert await cli("set", "greeting", 'say "hello"') == "OK"
        assert await cli("get", "greeting") == '"say \\"hello\\""'
        assert await cli("get", "nothing") == "(nil)"
        assert [await cli("incr", "hits") for _ in range(2)] == ["(integer) 1", "(integer) 2"]
        assert await cli("rpush", "list", "a", "b") == "(integer) 2"
        assert await cli("lrange", "list", "0", "-1") == '1) "a"\n2) "b"'
        assert await cli("hset", "hash", "field", "value") == "(integer) 1"
        assert await cli("hgetall", "hash") == '1) "field"\n2) "value"'
        assert await cli("sadd", "set", "x", "x", "y") == "(integer) 2"
        assert await cli("zadd", "zset", "2", "two", "1", "one") == "(integer) 2"
        assert await cli("zrange", "zset", "0", "-1") == '1) "one"\n2) "two"'
        assert await cli("keys", "nosuch*") == "(empty array)"
        assert await cli("expire", "hits", "100") == "(integer) 1"
        assert await cli("ttl", "hits") in {"(integer) 100", "(integer) 99"}
        assert await cli("incr", "greeting") == "(error) ERR value is not an integer or out of range"
        assert await cli("lpush", "greeting", "x") == (
            "(error) WRONGTYPE Operation against a key holding the wrong kind of value"
        )
        assert (await run(container, "redis-cli", stdin=[b"multi\nincr a\nincr a\nexec\n"]))[1] == (
            b"OK\nQUEUED\nQUEUED\n1) (integer) 1\n2) (integer) 2\n"
        )
        assert await run(container, "redis-cli", "-p", "1", "ping") == (
            1, b"Could not connect to Redis at 127.0.0.1:1: Connection refused\n",
        )  # fmt: skip
        assert b"Ready to accept connections" in await output(container)
        await container.stop(10)
        assert await container.wait() == 0
        assert b"bye bye" in await output(container)

    within(tmp_path, test)


def test_a_password(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start(
            "redis:7-alpine", "docker-entrypoint.sh", "redis-server", "--requirepass", "geheim"
        )
        assert b"NOAUTH Authentication required." in (await run(container, "redis-cli", "get", "a"))[1]
        reader, writer = await asyncio.open_connection(*container.ports()[6379])
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        assert await reader.readline() == b"-NOAUTH Authentication required.\r\n"
        writer.close()
        assert await run(container, "redis-cli", "-a", "geheim", "set", "a", "1") == (0, b"OK\n")
        assert await run(container, "redis-cli", env=["REDISCLI_AUTH=geheim"], stdin=[b"get a\n"]) == (0, b'"1"\n')

    within(tmp_path, test)


def test_others_hear_what_is_published(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("redis")
        reader, writer = await asyncio.open_connection(*container.ports()[6379])
        writer.write(b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n")
        assert await reader.readuntil(b":1\r\n") == b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
        assert await run(container, "redis-cli", "publish", "news", "hello") == (0, b"(integer) 1\n")
        assert await reader.readuntil(b"hello\r\n") == b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"
        writer.close()
        address = container.ports()[6379]
        container.kill()
        assert await container.wait() == 137
        with contextlib.closing(socket.socket()) as probe:
            assert probe.connect_ex(address)

    within(tmp_path, test)
