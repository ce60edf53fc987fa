"""What can be seen and done inside a container: its processes and their signals, /proc, what tools say."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import Container
from swarmlab.runtime.virtual.shell.scripts import prepared

from .support import Lab, lab, output, run, wait_for_output, within


def inside(tmp_path: Path, check: Callable[[Container], Awaitable[None]], *command: str, image: str = "alpine") -> None:
    """Check something of a running container."""

    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            await check(await made.start(image, *(command or ("sleep", "1000"))))

    asyncio.run(main())


def test_ps_shows_the_containers_processes_from_inside(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert await run(container, "ps") == (
            0,
            b"PID   USER     TIME  COMMAND\n    1 root      0:00 sleep 1000\n    7 root      0:00 ps\n",
        )
        # A script and what it calls have numbers of their own.
        code, text = await run(container, "sh", "-c", "ps aux; echo $$")
        assert code == 0
        assert [line.split(maxsplit=3)[3:] for line in text.splitlines()[2:4]] == [
            [b"sh -c ps aux; echo $$"],
            [b"ps aux"],
        ]
        assert text.splitlines()[2].split()[0] == text.splitlines()[-1]
        assert (await run(container, "ps", "-o", "pid,comm"))[1].startswith(b"PID   COMMAND\n    1 sleep\n")
        assert (await run(container, "ps", "-o", "nosuch"))[0] == 1

    inside(tmp_path, check)


def test_parameters_of_the_kernel_can_be_read(tmp_path: Path) -> None:
    script = (
        "sysctl net.core.somaxconn; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /proc/sys; sysctl -n net/x"
    )

    async def test(made: Lab) -> None:
        box = await made.start("alpine", "sleep", "1000", sysctls={"net.core.somaxconn": "100", "net.x": "y"})
        assert await run(box, "sh", "-c", script) == (0, b"net.core.somaxconn = 100\n0\nkernel\nnet\ny\n")

    within(tmp_path, test)


def test_ps_of_debian_is_procps(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert (await run(container, "ps"))[1].startswith(
            b"    PID TTY          TIME CMD\n      1 ?        00:00:00 sleep\n"
        )
        assert b"  PID %CPU %MEM" in (await run(container, "ps", "aux"))[1]
        assert (await run(container, "ps", "-ef"))[1].startswith(b"UID          PID    PPID  C STIME")

    inside(tmp_path, check, image="ubuntu")


def test_the_first_process_ignores_what_it_has_no_handler_for(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        for signal in ("-9", "-KILL", "-s STOP", "-TERM", "-HUP", "-0", ""):
            assert await run(container, "sh", "-c", f"kill {signal} 1; echo $?") == (0, b"0\n")
        assert container.pid

    inside(tmp_path, check)


def test_the_first_process_gets_what_it_has_a_handler_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            script = "trap 'echo again; exit 3' HUP; echo here; while true; do sleep 0.05; done"
            container = await made.start("alpine", "sh", "-c", script)
            await wait_for_output(container, b"here")
            assert await run(container, "kill", "-HUP", "1") == (0, b"")
            assert await container.wait() == 3
            assert (await output(container)).endswith(b"again\n")

    asyncio.run(main())


def test_nginx_reads_its_configuration_again_when_it_is_told_from_inside(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert await run(container, "sh", "-c", "kill -HUP 1") == (0, b"")
        await wait_for_output(container, b"signal 1 (SIGHUP) received from")
        await wait_for_output(container, b"reconfiguring")
        rows = (await run(container, "ps"))[1].splitlines()
        assert [row.split()[1] for row in rows[1:3]] == [b"root", b"nginx"]

    inside(tmp_path, check, "nginx", "-g", "daemon off;", image="nginx:alpine")


def test_a_script_can_kill_itself_and_others(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert (await run(container, "sh", "-c", "kill -9 $$; echo alive"))[0] == 137
        assert (await run(container, "sh", "-c", "kill $$; echo alive"))[0] == 143
        other = asyncio.ensure_future(run(container, "sleep", "77"))
        await asyncio.sleep(0)
        while b"sleep 77" not in (await run(container, "ps"))[1]:
            pass
        find = "kill $(ps | grep 'sleep 77' | grep -v grep | awk '{print $1}')"
        assert await run(container, "sh", "-c", find) == (0, b"")
        assert (await other)[0] == 143

    inside(tmp_path, check)


def test_jobs_of_a_shell_are_its_own_to_kill(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert await run(container, "sh", "-c", "sleep 100 & kill $!; wait $!; echo $?") == (0, b"143\n")
        assert await run(container, "kill", "99") == (1, b"sh: can't kill pid 99: No such process\n")
        assert await run(container, "kill", "-l", "9") == (0, b"KILL\n")
        assert await run(container, "kill", "-BOGUS", "1") == (1, b"sh: bad signal name 'BOGUS'\n")

    inside(tmp_path, check)


@pytest.mark.parametrize(
    ("script", "read"),
    [
        ("kill $$ \"$$\" '$$' \\$$ $(echo $$)", "kill 7 \"7\" '$$' \\$$ $(echo 7)"),
        ('echo "it\'s $$"', 'echo "it\'s 7"'),
        ("echo $0 ${0} \"$0\" '$0' $1", "echo sh sh \"sh\" '$0' $1"),
        ("echo {1..3} x{a,b} '{a,b}' \"{a,b}\" ${x:-{a,b}}", "echo \\{1..3} x\\{a,b} '{a,b}' \"{a,b}\" ${x:-\\{a,b}}"),
        ("{ echo a; }; awk '{print $1,$2}'", "{ echo a; }; awk '{print $1,$2}'"),
        ("cat > f <<EOF\n{a,b} $0\nEOF", "cat > f <<EOF\n{a,b} sh\nEOF"),
        ("cat > f <<'EOF'\n{a,b} $0 $$\nEOF", "cat > f <<'EOF'\n{a,b} $0 $$\nEOF"),
    ],
)
def test_a_script_for_busybox_has_other_parameters_and_no_lists_in_braces(script: str, read: str) -> None:
    assert prepared(script, {"$0": "sh", "$$": "7"}, is_busybox=True) == read


def test_proc_has_the_sockets_that_listen(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        empty = (await run(container, "cat", "/proc/net/tcp"))[1]
        assert empty.count(b"\n") == 1
        assert await run(container, "httpd", "-p", "8080") == (0, b"")
        code, text = await run(container, "cat", "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6")
        lines = text.decode().splitlines()
        assert (code, len(lines), {len(line) for line in lines[:2]}) == (0, 5, {149})
        fields = lines[1].split()
        assert (fields[1], fields[3]) == ("00000000:1F90", "0A")

    inside(tmp_path, check)


def test_proc_has_the_machine_and_the_containers_processes(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert await run(container, "cat", "/proc/1/cmdline") == (0, b"sleep\x001000\x00")
        assert b"overlay / overlay rw" in (await run(container, "cat", "/proc/mounts"))[1]
        assert b"mounts\n" in (await run(container, "ls", "/proc"))[1]
        assert (await run(container, "sh", "-c", "echo x > /proc/new"))[0] != 0
        # It is not among the files.
        assert not any(change.path.startswith("/proc") for change in container.changes())

    inside(tmp_path, check)


def test_busybox_tools_speak_as_they_do(tmp_path: Path) -> None:
    cases = {
        "cat /nosuch": b"cat: can't open '/nosuch': No such file or directory\n",
        "cat /etc": b"cat: read error: Is a directory\n",
        "rm /nosuch": b"rm: can't remove '/nosuch': No such file or directory\n",
        "rmdir /etc": b"rmdir: '/etc': Directory not empty\n",
        "mkdir /etc": b"mkdir: can't create directory '/etc': File exists\n",
        "touch /nosuch/x": b"touch: /nosuch/x: No such file or directory\n",
        "mv /nosuch /tmp": b"mv: can't rename '/nosuch': No such file or directory\n",
        "cp /nosuch /tmp": b"cp: can't stat '/nosuch': No such file or directory\n",
        "chmod 600 /nosuch": b"chmod: /nosuch: No such file or directory\n",
        "find /nosuch": b"find: /nosuch: No such file or directory\n",
        "cd /nosuch": b"sh: cd: line 0: can't cd to /nosuch: No such file or directory\n",
        "echo x > /etc": b"sh: can't create /etc: Is a directory\n",
        "cat < /nosuch": b"sh: can't open /nosuch: no such file\n",
        "sudo id": b"sh: sudo: not found\n",
    }

    async def check(container: Container) -> None:
        for script, expected in cases.items():
            code, text = await run(container, "sh", "-c", script)
            assert (script, text) == (script, expected)
            assert code != 0

    inside(tmp_path, check)


def test_limits_are_those_that_were_given(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            ulimits = (("nofile", 100, 200), ("memlock", 65536, -1))
            container = await made.start("alpine", "sleep", "1000", ulimits=ulimits)
            assert await run(container, "sh", "-c", "ulimit -n; ulimit -Hn; ulimit -l; ulimit -Hl") == (
                0,
                b"100\n200\n64\nunlimited\n",
            )
            assert b"open files                      (-n) 100\n" in (await run(container, "sh", "-c", "ulimit -a"))[1]

    asyncio.run(main())


def test_a_user_without_a_name_has_none(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        assert await run(container, "whoami", user="5") == (1, b"whoami: unknown uid 5\n")
        assert await run(container, "whoami") == (0, b"root\n")
        assert await run(container, "id", "nobody") == (
            0,
            b"uid=65534(nobody) gid=65534(nobody) groups=65534(nobody)\n",
        )
        assert await run(container, "id", "nosuch") == (1, b"id: unknown user nosuch\n")

    inside(tmp_path, check)


def test_df_and_free_speak_of_the_container(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        lines = (await run(container, "df", "-h"))[1].splitlines()
        assert lines[0].split() == b"Filesystem Size Used Available Use% Mounted on".split()
        assert lines[1].split()[0] == b"overlay"
        assert (await run(container, "df", "/etc/hosts"))[1].splitlines()[1].endswith(b" /etc/hosts")
        assert (await run(container, "free"))[1].splitlines()[0].split()[-1] == b"available"
        assert b"load average" in (await run(container, "uptime"))[1]

    inside(tmp_path, check)


@pytest.mark.parametrize(
    ("image", "script", "found"),
    [
        ("alpine", "apk update && apk add --no-cache gcc curl && curl -s localhost; echo $?", b"7\n"),
        ("debian", "apt-get -qq update && apt-get install -y libpq-dev curl && curl -s localhost; echo $?", b"7\n"),
        ("alpine", "apk add nosuch", b"  nosuch (no such package):\n    required by: world[nosuch]\n"),
        ("debian", "apt-get install nosuch", b"E: Unable to locate package nosuch\n"),
        ("debian", "apk add curl", b"sh: apk: not found\n"),
        ("alpine", "apt-get update", b"sh: apt-get: not found\n"),
        ("busybox", "apk update", b"sh: apk: not found\n"),
    ],
)
def test_packages_whose_commands_the_lab_has_can_be_installed(
    tmp_path: Path, image: str, script: str, found: bytes
) -> None:
    async def check(container: Container) -> None:
        assert found in (await run(container, "sh", "-c", script))[1]

    inside(tmp_path, check, image=image)


def test_users_and_groups_can_be_added(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        script = "addgroup -S web && adduser -S -G web app && adduser -D -u 1500 bob && addgroup bob web"
        assert await run(container, "sh", "-c", script) == (0, b"")
        assert (await run(container, "id", "app"))[1] == b"uid=100(app) gid=101(web) groups=101(web)\n"
        assert (await run(container, "id", "bob"))[1] == b"uid=1500(bob) gid=1500(bob) groups=1500(bob),101(web)\n"
        assert await run(container, "whoami", user="bob") == (0, b"bob\n")
        assert (await run(container, "adduser", "-D", "bob"))[0] == 1
        assert (await run(container, "ls", "/home"))[1] == b"bob\n"

    inside(tmp_path, check)


def test_useradd_of_debian(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        script = "groupadd -g 2000 team && useradd -m -u 2001 -g team -s /bin/sh ann && tail -1 /etc/passwd"
        assert await run(container, "sh", "-c", script) == (0, b"ann:x:2001:2000::/home/ann:/bin/sh\n")

    inside(tmp_path, check, image="debian")


def test_netstat_shows_what_listens_and_where_packets_go(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        text = (await run(container, "netstat", "-tln"))[1]
        assert b"tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN" in text
        assert b"1/nginx:" in (await run(container, "netstat", "-tlnp"))[1]
        assert (await run(container, "netstat", "-rn"))[1].startswith(b"Kernel IP routing table\nDestination ")
        assert (await run(container, "netstat", "-Z"))[0] == 1

    inside(tmp_path, check, "nginx", "-g", "daemon off;", image="nginx:alpine")


def test_httpd_serves_a_directory_and_nothing_beside_it(tmp_path: Path) -> None:
    async def check(container: Container) -> None:
        script = "mkdir /www; echo hi > /www/index.html; httpd -p 8080 -h /www; sleep 0.1; wget -qO- localhost:8080"
        assert await run(container, "sh", "-c", script) == (0, b"hi\n")
        assert b"404 Not Found" in (await run(container, "wget", "-qO-", "http://localhost:8080/../etc/passwd"))[1]
        assert (await run(container, "telnet", "localhost", "81"))[1] == (
            b"telnet: can't connect to remote host (127.0.0.1): Connection refused\n"
        )

    inside(tmp_path, check)
