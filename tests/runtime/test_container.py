import asyncio
import shlex
import threading
from pathlib import Path

import pytest

from swarmlab.clock import SECOND, ScaledClock, VirtualClock
from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.base import Container, File, StartError

from .support import Lab, advance, fetch, listening, output, run, turn, wait_for_output, within


@pytest.mark.parametrize(
    ("user", "groups", "told"),
    [
        ("", ("7",), b"uid=0(root) gid=0(root) groups=0(root),7\n"),
        ("1000:1000", (), b"uid=1000 gid=1000 groups=1000\n"),
        ("5", ("0", "7"), b"uid=5 gid=0(root) groups=0(root),7\n"),
    ],
)
def test_groups_of_a_user(tmp_path: Path, user: str, groups: tuple[str, ...], told: bytes) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "id", user=user, groups=groups)
        assert await container.wait() == 0
        assert await output(container) == told

    within(tmp_path, test)


@pytest.mark.parametrize(
    ("command", "signal", "code"),
    [
        ("sleep 1000", "SIGTERM", 143),
        ("sleep 1000", "SIGQUIT", 131),
        ("sh -c 'echo up; sleep 1000'", "SIGTERM", 143),
        ("sh -c 'trap \"exit 7\" TERM; echo up; sleep 1000'", "SIGTERM", 7),
    ],
)
def test_behind_an_init_signals_have_their_usual_effect(tmp_path: Path, command: str, signal: str, code: int) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", *shlex.split(command), init=True, stop_signal=signal)
        if "echo" in command:
            await wait_for_output(container, b"up")
        await asyncio.wait_for(container.stop(1000.0), 10)
        assert await container.wait() == code

    within(tmp_path, test)


def test_behind_an_init_what_a_program_ignores_by_default_does_not_end_it(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000", init=True)
        assert [p.command for p in container.processes()] == ["/sbin/docker-init -- sleep 1000", "sleep 1000"]
        container.kill("SIGWINCH")
        await turn()
        assert container.pid
        container.kill()
        assert await container.wait() == 137

    within(tmp_path, test)


def test_a_group_that_is_not_there_keeps_a_container_from_starting(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        with pytest.raises(StartError, match=r"^Unable to find group nosuch: no matching entries in group file$"):
            await made.start("alpine", "id", groups=("nosuch",))

    within(tmp_path, test)


def entries(directory: Path) -> int:
    """How many files a directory has; 0 when the system has no such directory."""
    return len(list(directory.iterdir())) if directory.is_dir() else 0


async def stopped(container: Container, clock: VirtualClock, grace: float) -> float:
    """Stop a container; the seconds of swarm time that it took."""
    start = clock.now()
    stopping = asyncio.create_task(container.stop(grace))
    await advance(clock, 0)
    while not stopping.done() and (due := clock.next_due()) is not None:
        await advance(clock, due)
    await stopping
    return (clock.now() - start) / SECOND


@pytest.mark.parametrize(
    "command",
    [
        ("sleep", "1000"),
        ("sleep", "infinity"),
        ("tail", "-f", "/dev/null"),
        ("/bin/sleep", "1h"),
        ("ping", "localhost"),
    ],
)
def test_a_program_without_handler_lasts_the_whole_grace_period(tmp_path: Path, command: tuple[str, ...]) -> None:
    clock = VirtualClock()

    async def test(made: Lab) -> None:
        container = await made.start("alpine", *command)
        assert await stopped(container, clock, 10) == 10
        assert await container.wait() == 137

    within(tmp_path, test, clock)


def test_a_shell_ignores_sigterm_too_and_sigkill_ends_it_at_once(tmp_path: Path) -> None:
    clock = VirtualClock()

    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sh", "-c", "echo up; sleep 1000; echo never")
        await wait_for_output(container, b"up")
        container.kill("SIGTERM")
        container.kill("INT")
        await turn()
        assert container.pid
        container.kill()
        assert await container.wait() == 137
        assert container.pid == 0
        assert await output(container) == b"up\n"

    within(tmp_path, test, clock)


def test_a_trap_handles_sigterm(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        script = "trap 'echo bye; exit 4' TERM; echo up; while true; do sleep 1; done"
        container = await made.start("alpine", "sh", "-c", script)
        await wait_for_output(container, b"up")
        await container.stop(1000)
        assert await container.wait() == 4
        assert await output(container) == b"up\nbye\n"

    within(tmp_path, test)


@pytest.mark.parametrize(
    ("image", "command", "code"),
    [
        ("nginx:alpine", (), 0),
        ("alpine", ("sh", "-c", "trap 'exit 4' TERM; echo up; while true; do sleep 1; done"), 4),
        ("alpine", ("sh", "-c", "echo up; sleep 1000"), 137),
    ],
)
def test_who_ends_at_once_has_ended_by_himself_without_any_grace(
    tmp_path: Path, image: str, command: tuple[str, ...], code: int
) -> None:
    clock, told = VirtualClock(), list[str]()

    async def test(made: Lab) -> None:
        container = await made.start(image, *command)
        await wait_for_output(container, b"start worker process" if image.startswith("nginx") else b"up")
        stopping = asyncio.create_task(container.stop(0, None, lambda: told.append("SIGKILL")))
        await advance(clock, 0)
        # No time passes until then.
        assert await container.wait() == code
        await stopping
        assert told == ["SIGKILL"]

    within(tmp_path, test, clock)


def test_sleep_is_swarm_time(tmp_path: Path) -> None:
    clock = VirtualClock()

    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1m", "0.5")
        await advance(clock, 60.4)
        assert container.pid
        await advance(clock, 0.1)
        assert await container.wait() == 0

    within(tmp_path, test, clock)


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (("sh", "-c", "exit 3"), 3, b""),
        (("false",), 1, b""),
        (("true",), 0, b""),
        (("sh", "-c", "echo $1", "name", "a b"), 0, b"a b\n"),
        (("/bin/sh", "-c", "nosuch"), 127, b"/bin/sh: nosuch: not found\n"),
        (("sh", "-c", "echo $USER $HOME $HOSTNAME; pwd"), 0, b"/root host1\n/\n"),
        (("sh", "-c", "set -e; /bin/false; echo no"), 1, b""),
        (("sleep", "soon"), 1, b"sleep: invalid number 'soon'\n"),
        (("cat",), 0, b""),
        (("sh",), 0, b""),
        (("id",), 0, b"uid=0(root) gid=0(root) groups=0(root)\n"),
        (("cat", "/etc/hostname"), 0, b"host1\n"),
        (("sh", "-c", "printf 'a\\nb\\nc\\n' | tail -n 2"), 0, b"b\nc\n"),
        (("sh", "-c", "printf 'a\\nb\\n' > /tmp/x; tail -1 /tmp/x; tail -c 1 /tmp/nosuch"), 1,
         b"b\ntail: can't open '/tmp/nosuch': No such file or directory\ntail: no files\n"),
        (("sh", "-c", "exec sh -c 'exit 7'"), 7, b""),
        (("sh", "-c", "curl localhost"), 127, b"sh: curl: not found\n"),
        (("wget", "-qO-", "http://localhost/"), 1,
         b"wget: can't connect to remote host (127.0.0.1): Connection refused\n"),
        (("wget", "-qO-", "http://db/"), 1, b"wget: bad address 'db'\n"),
        (("ping", "db"), 1, b"ping: bad address 'db'\n"),
    ],
)  # fmt: skip
def test_exit_code_and_output(tmp_path: Path, command: tuple[str, ...], code: int, text: bytes) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", *command)
        assert (await container.wait(), await output(container)) == (code, text)

    within(tmp_path, test)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH: unknown'),
        ("bash", 'exec: "bash": executable file not found in $PATH: unknown'),
        ("cd", 'exec: "cd": executable file not found in $PATH: unknown'),
        ("/nosuch", 'exec: "/nosuch": stat /nosuch: no such file or directory: unknown'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied: unknown'),
    ],
)
def test_a_command_that_is_not_there_is_runcs_error(tmp_path: Path, command: str, error: str) -> None:
    async def test(made: Lab) -> None:
        container = made.create("alpine", command)
        with pytest.raises(StartError) as caught:
            await container.start()
        assert str(caught.value) == (
            "failed to create shim task: OCI runtime create failed: runc create failed: "
            f"unable to start container process: {error}"
        )
        assert container.pid == 0
        running = await made.start("alpine", "sleep", "1000")
        with pytest.raises(StartError) as caught:
            await run(running, command)
        assert str(caught.value) == f"OCI runtime exec failed: exec failed: unable to start container process: {error}"

    within(tmp_path, test)


def test_an_unknown_image_is_a_key_error(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        with pytest.raises(AssertionError):
            made.create("nosuch")
        config = made.create("alpine").config
        with pytest.raises(KeyError, match="nosuch:1"):
            made.runtime.create(type(config)(id="1", name="n", image="nosuch:1", hostname="h", command=("x",)))

    within(tmp_path, test)


def test_a_container_keeps_its_files_and_logs_over_a_restart(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sh", "-c", "echo run >> /runs; cat /runs")
        assert await container.wait() == 0
        await container.start()
        assert await container.wait() == 0
        assert await output(container) == b"run\nrun\nrun\n"
        await container.remove()
        assert await output(container) == b""
        with pytest.raises(RuntimeError, match="removed"):
            await container.start()

    within(tmp_path, test)


def test_wrong_states_are_errors(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = made.create("alpine", "sleep", "1000")
        with pytest.raises(RuntimeError, match="not been started"):
            await container.wait()
        with pytest.raises(RuntimeError, match="not running"):
            container.kill()
        with pytest.raises(RuntimeError, match="not running"):
            await run(container, "true")
        await container.start()
        with pytest.raises(RuntimeError, match="is running"):
            await container.start()
        with pytest.raises(ValueError, match="Invalid signal: SIGNOSUCH"):
            container.kill("SIGNOSUCH")

    within(tmp_path, test)


def test_exec(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000", env=("A=image", "PATH=/bin"), working_dir="/etc")
        assert await run(container, "sh", "-c", "echo out; echo err >&2; exit 3") == (3, b"out\nerr\n")
        assert await run(container, "cat", stdin=[b"he", b"llo\n"]) == (0, b"hello\n")
        assert await run(container, "sh", "-c", "read x; echo got $x; exit 5", stdin=[b"a\n", b"b\n"]) == (
            5,
            b"got a\n",
        )
        assert await run(container, "sh", "-c", "echo $A; pwd") == (0, b"image\n/etc\n")
        script = "echo $A; pwd; id -un; id -u"
        changed = await run(container, "sh", "-c", script, env=("A=b",), working_dir="/tmp", user="nobody")
        assert changed == (0, b"b\n/tmp\nnobody\n65534\n")
        assert await output(container) == b""
        with pytest.raises(StartError, match="unable to find user joe: no matching entries in passwd file"):
            await run(container, "true", user="joe")

    within(tmp_path, test)


def test_an_exec_ends_with_its_container(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000")
        began = asyncio.Event()

        async def collect(stream: str, data: bytes) -> None:
            began.set()

        inner = asyncio.create_task(container.exec(("sh", "-c", "echo up; sleep 1000"), collect))
        await began.wait()
        container.kill()
        assert await inner == 137

    within(tmp_path, test)


def test_configs_and_secrets_are_files(tmp_path: Path) -> None:
    files = (
        File("/etc/app/two.conf", b"two\n", 65534, 65534, 0o400),
        File("/run/secrets/password", b"\x00\xff", mode=0o440, secret=True),
    )

    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sh", "-c", "cat /etc/app/two.conf; sleep 1000", files=files)
        await wait_for_output(container, b"two")
        assert await run(container, "cat", "/run/secrets/password") == (0, b"\x00\xff")
        code, listing = await run(container, "ls", "-l", "/etc/app/two.conf", "/run/secrets/password")
        assert code == 0
        assert [line[:10] for line in listing.splitlines()] == [b"-r--------", b"-r--r-----"]
        assert entries(tmp_path) == 0

    within(tmp_path, test)


def test_health_check_runs_in_the_container(tmp_path: Path) -> None:
    check = HealthConfig(test=("CMD-SHELL", "echo checked; test ! -e /sick"), interval=5 * SECOND, retries=2)

    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "100000", healthcheck=check)
        assert container.health == "starting"
        assert await container.wait_healthy()
        assert container.health == "healthy"
        assert (container.health_log()[0].exit_code, container.health_log()[0].output) == (0, "checked\n")
        await run(container, "touch", "/sick")
        await container.wait_unhealthy()
        assert (container.health, container.failing_streak) == ("unhealthy", 2)
        assert not await container.wait_healthy()
        well = await made.start("alpine", "sleep", "100000", healthcheck=check)
        assert await well.wait_healthy()
        await well.stop(0)
        assert (well.health, well.failing_streak) == ("unhealthy", 0), "as in Docker, once it has ended"

    within(tmp_path, test, ScaledClock(50))


def test_waiting_for_health_ends_with_the_container(tmp_path: Path) -> None:
    clock = VirtualClock()
    check = HealthConfig(test=("CMD", "true"))

    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "10", healthcheck=check)
        waiting = asyncio.create_task(container.wait_healthy())
        await advance(clock, 10)
        assert await waiting is False
        plain = await made.start("alpine", "sleep", "10")
        assert await plain.wait_healthy() is True
        assert plain.health == ""

    within(tmp_path, test, clock)


def test_thousands_of_sleepers_cost_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    clock = VirtualClock()

    async def test(made: Lab) -> None:
        descriptors = entries(Path("/proc/self/fd"))
        threads = threading.active_count()
        containers = [await made.start("alpine", "sleep", "1000") for _ in range(2000)]
        assert threading.active_count() == threads
        # What earlier tests left behind may be closed meanwhile.
        assert entries(Path("/proc/self/fd")) <= descriptors
        await advance(clock, 1000)
        assert {await container.wait() for container in containers} == {0}
        assert entries(tmp_path) == 0

    within(tmp_path, test, clock)


@pytest.mark.parametrize(
    ("image", "port", "expected"),
    [("training/whoami", 8000, b"I'm host1\n"), ("fundamentalsofdocker/whoami", 8000, b"I'm host1\n"),
     ("traefik/whoami", 80, b"Hostname: host1\n"), ("containous/whoami", 80, b"Hostname: host1\n"),
     ("jwilder/whoami", 8000, b"I'm host1\n")],
)  # fmt: skip
def test_whoami(tmp_path: Path, image: str, port: int, expected: bytes) -> None:
    async def test(made: Lab) -> None:
        container = await made.start(image)
        code, body = await run(container, "wget", "-qO-", f"http://localhost:{port}/")
        assert code == 0
        assert body.startswith(expected)
        await container.stop(1000)
        assert await container.wait() == 0
        assert dict(container.ports()) == {}

    within(tmp_path, test)


def test_httpd_serves_its_page(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("httpd")
        await listening(container, 80)
        assert (await fetch(container))[1] == b"<html><body><h1>It works!</h1></body></html>\n"
        await container.stop(10)
        assert await container.wait() == 0

    within(tmp_path, test)


def test_hello_world_says_so_and_ends(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("hello-world")
        assert await container.wait() == 0
        assert (await output(container, "stdout")).startswith(b"\nHello from Docker!\n")

    within(tmp_path, test)


def test_output_of_a_program_that_breaks_says_so(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("training/whoami", "/app/http", env=("PORT=none",))
        assert await container.wait() == 1
        assert b"ValueError" in await output(container, "stderr")

    within(tmp_path, test)


def test_env_prints_what_docker_gives_in_its_order(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        container = await made.start("alpine", "sleep", "1000", env=(f"PATH={path}", "B=2", "A=1"), hostname="box")
        shown = f"PATH={path}\nHOSTNAME=box\nB=2\nA=1\nC=x y\nHOME=/root\n".encode()
        assert await run(container, "env", env=("C=x y",)) == (0, shown)

    within(tmp_path, test)


def test_a_shell_counts_how_deep_it_is_and_another_program_does_not(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000")
        assert await run(container, "sh", "-c", "echo $SHLVL $HOME", user="nobody") == (0, b"1 /\n")
        code, output = await run(container, "env")
        assert code == 0
        assert b"SHLVL" not in output

    within(tmp_path, test)
