import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.base import Container, File, Mount
from swarmlab.runtime.virtual.processes.process import Child, ProcessHost
from swarmlab.runtime.virtual.programs.pgclient import binaries

from .support import CATALOGUE, Lab, output, run, wait_for_output, within

IMAGE = CATALOGUE.find("postgres:16-alpine")
READY = b"PostgreSQL init process complete; ready for start up."


async def server(made: Lab, *variables: str, **changes: Any) -> Container:
    """A server that accepts connections."""
    assert IMAGE is not None
    env = ("POSTGRES_PASSWORD=secret", *variables)
    container = await made.start("postgres:16-alpine", env=(*IMAGE.config.env, *env), **changes)
    await wait_for_output(container, READY)
    await accepts(container)
    return container


async def accepts(container: Container) -> None:
    while 5432 not in container.ports() or (await run(container, "pg_isready"))[0]:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def running(state: Path) -> list[psutil.Process]:
    """The real processes of containers."""
    return [psutil.Process(int(file.name)) for file in state.glob("*/pids/*")]


async def sql(container: Container, text: str, *options: str) -> tuple[int, str]:
    code, shown = await run(container, "psql", "-U", "postgres", "-Atc", text, *options)
    return code, shown.decode()


def connect(container: Container, password: str, user: str = "postgres") -> "subprocess.CompletedProcess[str]":
    """What somebody outside gets."""
    host, port = container.ports()[5432]
    return subprocess.run(
        [binaries() / "psql", "-h", host, "-p", str(port), "-U", user, "-d", "postgres", "-Atc", "SELECT current_user"],
        env={**os.environ, "PGPASSWORD": password, "LC_ALL": "C"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_needs_a_password_as_the_official_image_does(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("postgres")
        assert await container.wait() == 1
        lines = (await output(container, "stderr")).decode().splitlines()
        assert lines[0] == "Error: Database is uninitialized and superuser password is not specified."
        assert lines[1] == "       You must specify POSTGRES_PASSWORD to a non-empty value for the"
        assert lines[-1] == "       https://www.postgresql.org/docs/current/auth-trust.html"

    within(tmp_path, test)


def test_user_database_password_and_scripts(tmp_path: Path) -> None:
    files = (
        File("/run/secrets/password", b"from a file\n", secret=True),
        File("/docker-entrypoint-initdb.d/1-tables.sql", b"CREATE TABLE goods AS SELECT 'tea' AS name;\n"),
        File("/docker-entrypoint-initdb.d/2-more.sh", b"#!/bin/sh\npsql -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" "
             b"-c \"INSERT INTO goods VALUES ('rice')\"\n", mode=0o755),
        File("/docker-entrypoint-initdb.d/readme.txt", b"nothing"),
    )  # fmt: skip

    async def test(made: Lab) -> None:
        assert IMAGE is not None
        env = ("POSTGRES_PASSWORD_FILE=/run/secrets/password", "POSTGRES_USER=keeper", "POSTGRES_DB=shop")
        container = await made.start("postgres:16-alpine", env=(*IMAGE.config.env, *env), files=files)
        await wait_for_output(container, READY)
        await accepts(container)
        found = await run(container, "psql", "-U", "keeper", "shop", "-Atc", "SELECT name FROM goods")
        assert found == (0, b"tea\nrice\n")
        shown = (await output(container)).decode()
        for line in (
            "docker-entrypoint.sh: running /docker-entrypoint-initdb.d/1-tables.sql",
            "docker-entrypoint.sh: running /docker-entrypoint-initdb.d/2-more.sh",
            "docker-entrypoint.sh: ignoring /docker-entrypoint-initdb.d/readme.txt",
            "fixing permissions on existing directory /var/lib/postgresql/data ... ok",
            'LOG:  listening on IPv4 address "0.0.0.0", port 5432',
        ):
            assert line in shown
        assert "[1] LOG:  database system is ready to accept connections" in shown
        assert str(tmp_path) not in shown
        assert "from a file" not in shown
        assert connect(container, "from a file", "keeper").stdout == "keeper\n"
        wrong = connect(container, "guessed", "keeper")
        assert wrong.returncode == 2
        assert 'FATAL:  password authentication failed for user "keeper"' in wrong.stderr

    within(tmp_path, test)


def test_a_script_that_fails_ends_the_container(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        assert IMAGE is not None
        script = File("/docker-entrypoint-initdb.d/a.sql", b"SELECT 1;\nSELECT nothing;\n")
        container = await made.start(
            "postgres:16-alpine", env=(*IMAGE.config.env, "POSTGRES_PASSWORD=x"), files=(script,)
        )
        assert await container.wait() == 3
        assert b'psql:/docker-entrypoint-initdb.d/a.sql:2: ERROR:  column "nothing" does not exist' in await output(
            container
        )

    within(tmp_path, test)


def test_stops_in_order_and_has_its_data_when_it_starts_again(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await server(made)
        await sql(container, "CREATE TABLE kept AS SELECT 42 AS n")
        processes = running(tmp_path)
        processes += [one for each in processes for one in each.children(recursive=True)]
        assert len(processes) > 3
        await container.stop(10, "SIGINT")
        assert await container.wait() == 0
        assert psutil.wait_procs(processes, timeout=5)[1] == []
        assert b"LOG:  database system is shut down" in await output(container)
        await container.start()
        await accepts(container)
        assert b"appears to contain a database; Skipping initialization" in await output(container)
        assert await sql(container, "SELECT n FROM kept") == (0, "42\n")
        container.kill()
        assert await container.wait() == 137
        await container.start()
        await accepts(container)
        assert await sql(container, "SELECT n FROM kept") == (0, "42\n")

    within(tmp_path, test)


def test_clients_say_what_is_wrong_in_the_terms_of_the_container(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await server(made, healthcheck=HealthConfig(test=("CMD", "pg_isready"), interval=50_000_000))
        assert await run(container, "pg_isready") == (0, b"/var/run/postgresql:5432 - accepting connections\n")
        assert await run(container, "pg_isready", "-h", "localhost") == (0, b"localhost:5432 - accepting connections\n")
        assert await run(container, "pg_isready", "-p", "5433") == (2, b"/var/run/postgresql:5433 - no response\n")
        assert await run(container, "psql") == (
            2,
            b'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: '
            b'FATAL:  role "root" does not exist\n',
        )
        assert (await run(container, "psql", "-h", "nosuch"))[1].endswith(
            b'could not translate host name "nosuch" to address: Name or service not known\n'
        )
        uri = "postgresql://postgres@localhost:5432/postgres"
        assert await run(container, "psql", uri, "-Atc", "SELECT 7") == (0, b"7\n")
        assert await run(container, "psql", "host=localhost user=postgres", "-Atc", "SELECT 8") == (0, b"8\n")
        assert await run(container, "sh", "-c", "echo 'SELECT 9' | psql -U postgres -At") == (0, b"9\n")
        assert await run(container, "psql", "-U", "postgres", "-At", stdin=[b"SELECT ", b"10;\n"]) == (0, b"10\n")
        await run(container, "sh", "-c", "pg_dump -U postgres -f /tmp/dump.sql; echo 'SELECT 11;' > /tmp/a.sql")
        assert b"PostgreSQL database dump" in (await run(container, "cat", "/tmp/dump.sql"))[1]
        assert await run(container, "psql", "-U", "postgres", "-Atf", "/tmp/a.sql") == (0, b"11\n")
        assert await container.wait_healthy()

    within(tmp_path, test)


def test_other_commands_and_other_images(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        version = made.create("postgres", "docker-entrypoint.sh", "psql", "--version")
        await version.start()
        assert await version.wait() == 0
        assert (await output(version)).startswith(b"psql (PostgreSQL) 18.")
        other = await made.start("alpine", "sleep", "1000")
        with pytest.raises(Exception, match="executable file not found"):
            await run(other, "psql")
        assert (await run(other, "sh", "-c", "psql"))[0] == 127

    within(tmp_path, test)


def test_a_volume_keeps_the_data_for_the_next_container(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    mounts = (Mount(target="/var/lib/postgresql/data", source=volume),)

    async def test(made: Lab) -> None:
        first = await server(made, mounts=mounts)
        await sql(first, "CREATE TABLE kept AS SELECT 42 AS n")
        await first.remove()
        assert IMAGE is not None
        # Who finds a database needs no password to start it.
        second = await made.start("postgres:16-alpine", env=IMAGE.config.env, mounts=mounts)
        await accepts(second)
        assert await sql(second, "SELECT n FROM kept") == (0, "42\n")
        assert connect(second, "secret").stdout == "postgres\n"

    within(tmp_path / "state", test)


def test_a_client_before_there_is_a_server(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("postgres", "sleep", "1000")
        assert await run(container, "psql", "-U", "postgres") == (
            2,
            b'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: '
            b"No such file or directory\n"
            b"\tIs the server running locally and accepting connections on that socket?\n",
        )

    within(tmp_path, test)


def test_a_lab_may_lie_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    """Its server listens, and is asked, at a Unix socket, whose path must be short."""

    async def test(made: Lab) -> None:
        assert await sql(await server(made), "SELECT 42") == (0, "42\n")

    within(tmp_path / ("deep" * 20), test)


def test_sql_reads_no_file_of_whoever_has_the_lab(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    own = tmp_path / "own"
    own.write_text("mine\n")
    own.chmod(0o600)

    async def test(made: Lab) -> None:
        container = await server(made)
        for path in (own, "/etc/shadow"):
            code, shown = await sql(container, f"SELECT pg_read_file('{path}')")
            assert (code, "Permission denied" in shown) == (1, True), shown
        for text in (
            f"CREATE TEMP TABLE t (line text); COPY t FROM PROGRAM 'cat {own}'",
            f"SELECT pg_ls_dir('{tmp_path}')",
            f"COPY (SELECT 1) TO '{tmp_path}/made'",
        ):
            code, shown = await sql(container, text)
            assert code == 1, shown
        assert not (tmp_path / "made").exists()
        # What it needs it has.
        shown = (0, 'CREATE EXTENSION\n"a"=>"1"\n')
        assert await sql(container, "CREATE EXTENSION hstore", "-c", "SELECT 'a=>1'::hstore") == shown
        assert (await sql(container, "SET timezone TO 'Europe/Berlin'"))[0] == 0
        assert (await sql(container, "SELECT to_tsvector('english', 'runs')"))[0] == 0

    within(tmp_path / "state", test)


def test_the_password_is_on_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "a-password-like-no-other"
    spawn, looked = ProcessHost.spawn, 0

    def spy(*arguments: Any, **options: Any) -> Child:
        nonlocal looked
        looked += 1
        assert not [one for one in tmp_path.rglob("*") if one.is_file() and password.encode() in one.read_bytes()]
        return spawn(*arguments, **options)

    monkeypatch.setattr(ProcessHost, "spawn", spy)

    async def test(made: Lab) -> None:
        container = await server(made, f"POSTGRES_PASSWORD={password}")
        assert connect(container, password).stdout == "postgres\n"
        assert connect(container, "secret").returncode == 2

    within(tmp_path, test)
    assert looked > 2
