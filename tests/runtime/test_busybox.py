"""What BusyBox's shell and tools do otherwise than bash and GNU's, as on a real engine's alpine."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import File

from .support import lab, output, run, wait_for_output

#: Scripts with what they print, what they complain of, and their exit code.
CASES: Sequence[tuple[str, str, str, int]] = (
    ("echo $0 {1..3} {a,b}", "sh {1..3} {a,b}\n", "", 0),
    ("cd /nope; echo $?", "2\n", "sh: cd: line 0: can't cd to /nope: No such file or directory\n", 0),
    ("timeout 0.1 sleep 5; echo $?", "143\n", "", 0),
    ("timeout 0.1 sh -c 'sleep 5'; echo $?", "143\n", "", 0),
    ("timeout -s KILL 0.1 sleep 5; echo $?", "137\n", "", 0),
    ("timeout 5 sh -c 'exit 3'; echo $?", "3\n", "", 0),
    ("trap 'echo caught; exit 5' TERM; kill $$; sleep 1", "caught\n", "", 5),
    ("trap 'echo caught' USR1; kill -USR1 $$; kill -s USR1 $$; echo on", "caught\ncaught\non\n", "", 0),
    ("sh -c 'kill -9 $$'; echo $?", "137\n", "", 0),
    ("set -u; echo $nope; echo on", "", "sh: nope: parameter not set\n", 2),
    ("readonly R=1; R=2; echo on", "", "sh: R: is read only\n", 2),
    ("echo $((1/0))", "", "sh: divide by zero\n", 2),
    ("echo ${u:?}; echo on", "", "sh: u: parameter not set or null\n", 2),
    ("[ 1 -lt x ]", "", "sh: x: bad number\n", 2),
    ("./nope", "", "sh: ./nope: not found\n", 127),
    ("/etc", "", "sh: /etc: Permission denied\n", 126),
    ("cat < ./nope", "", "sh: can't open ./nope: no such file\n", 1),
    ("echo x > /nope/y", "", "sh: can't create /nope/y: nonexistent directory\n", 1),
    ("echo x > /etc", "", "sh: can't create /etc: Is a directory\n", 1),
    (". ./nope", "", "sh: .: line 0: can't open './nope': No such file or directory\n", 2),
    ("bash -c 'echo hi'", "", "sh: bash: not found\n", 127),
    ("shopt -s nullglob", "", "sh: shopt: not found\n", 127),
    ("ash -c 'echo hi'", "hi\n", "", 0),
    ("mkdir -m 700 /m; mkdir -p /m/a/b; mkdir /m /no/x; ls -ld /m | cut -c1-20", "drwx------    3 root\n",
     "mkdir: can't create directory '/m': File exists\n"
     "mkdir: can't create directory '/no/x': No such file or directory\n", 0),
    ("echo hi | gzip | zcat", "hi\n", "", 0),
    ("cd /tmp; wc -l nope", "", "wc: nope: No such file or directory\n", 1),
    ("cd /tmp; tail nope", "", "tail: can't open 'nope': No such file or directory\ntail: no files\n", 1),
    ("mkdir /d; rm /d", "", "rm: '/d' is a directory\n", 1),
    ("cd /tmp; ln -s a l; ln -s b l", "", "ln: l: File exists\n", 1),
    ("df /nope", "Filesystem           1K-blocks      Used Available Use% Mounted on\n",
     "df: /nope: can't find mount point\n", 1),
    ("hostname other", "", "hostname: sethostname: Operation not permitted\n", 1),
    ("free | head -1", "              total        used        free      shared  buff/cache   available\n", "", 0),
    ("top -bn1 | sed -n 4p", "  PID  PPID USER     STAT   VSZ %VSZ %CPU COMMAND\n", "", 0),
    ("ls -l /dev/null | cut -c1-44", "crw-rw-rw-    1 root     root        1,   3 \n", "", 0),
    ("stat -c '%n %a %A %U:%G %u:%g %F %t,%T' /dev/null",
     "/dev/null 666 crw-rw-rw- root:root 0:0 character special file 1,3\n", "", 0),
    ("printf 12345 > /f; chmod 640 /f; chown nobody:mail /f; stat -c '%s %a %U:%G %F' /f; ls -l /f | cut -c1-34",
     "5 640 nobody:mail regular file\n-rw-r-----    1 nobody   mail     \n", "", 0),
    ("stat /nope", "", "stat: can't stat '/nope': No such file or directory\n", 1),
    ("chown nosuch /etc", "", "chown: unknown user nosuch\n", 1),
    ("chgrp nosuch /etc", "", "chgrp: unknown group nosuch\n", 1),
    ("mkdir -p /d/e; chown -R 7:8 /d; ls -ldn /d /d/e | cut -c17-31", "7        8     \n7        8     \n", "", 0),
    ("printf 'a\\nb\\nc\\n' > /1; printf 'a\\nc\\nd\\n' > /2; diff /1 /2",
     "--- /1\n+++ /2\n@@ -1,3 +1,3 @@\n a\n-b\n c\n+d\n", "", 1),
    ("echo a > /1; echo a > /2; diff /1 /2", "", "", 0),
    ("mkdir /d /e; echo 1 > /d/x; echo 2 > /e/x; touch /d/y; diff -rq /d /e",
     "Files /d/x and /e/x differ\nOnly in /d: y\n", "", 1),
    ("diff <(echo a) <(echo a)", "", "", 0),
    ("su guest -s /bin/sh -c 'id -un; echo $HOME $USER'; su - root -c pwd; su nope", "guest\n/dev/null guest\n/root\n",
     "su: unknown user nope\n", 1),
    ("su guest -c id", "", "This account is not available\n", 1),
    ("dmesg", "", "dmesg: klogctl: Operation not permitted\n", 1),
    ("crontab -l", "", "crontab: can't change directory to '/var/spool/cron/crontabs': No such file or directory\n", 1),
    ("pidof sleep; killall nope", "1\n", "killall: nope: no process killed\n", 1),
    ("sleep 60 & killall sleep; wait $!; echo $?", "143\n", "", 0),
    ("sysctl kernel.hostname; sysctl -w net.ipv4.ip_forward=1", "kernel.hostname = host1\n",
     "sysctl: error setting key 'net.ipv4.ip_forward': Read-only file system\n", 1),
    ("yes | head -2; yes a b | head -n 1", "y\ny\na b\n", "", 0),
    ("head -c 3000000 /dev/zero | wc -c; head -c 16 /dev/urandom | wc -c; head -1 /etc/passwd | cut -c1-5",
     "3000000\n16\nroot:\n", "", 0),
    ("seq 5 | head -n -3; seq 9 | head -2; printf 'a\\nb' > /tmp/f; head -n 3 /tmp/f; head -c -1 /tmp/f",
     "1\n2\n1\n2\na\nba\n", "", 0),
    ("echo 1 > /tmp/a; head -v -c 1 /tmp/a; head -n1 /tmp/a /tmp/a; head /nope; head /etc; head -n x /tmp/a",
     "==> /tmp/a <==\n1==> /tmp/a <==\n1\n\n==> /tmp/a <==\n1\n",
     "head: /nope: No such file or directory\nhead: /etc: Is a directory\nhead: invalid number 'x'\n", 1),
    ("exec nosuch a; echo no", "", "sh: exec: line 0: nosuch: not found\n", 127),
    ("exec /etc", "", "sh: exec: line 0: /etc: Permission denied\n", 126),
    ("printf '#!/bin/sh\\nexec \"$@\"\\n' > /e.sh; chmod +x /e.sh; /e.sh nosuch a; /e.sh /nope; "
     "sh /e.sh nosuch; sh -c nosuch",
     "",
     "/e.sh: exec: line 2: nosuch: not found\n/e.sh: exec: line 2: /nope: not found\n"
     "/e.sh: exec: line 2: nosuch: not found\nsh: nosuch: not found\n", 127),
    ("command -v bash; echo $?; command -v curl || echo none; command -v ls; command -v cd; command echo a",
     "127\nnone\n/bin/ls\ncd\na\n", "", 0),
    ("type cd; f() { :; }; type f bash; echo $?",
     "cd is a shell builtin\nf is a function\nbash: not found\n127\n", "", 0),
    ("adduser -D app; addgroup web; addgroup app web; id -Gn app; deluser app web; id -Gn app; deluser app; id app",
     "app web\napp\n", "id: unknown user app\n", 1),
    ("addgroup web; delgroup web; grep -c web /etc/group; delgroup root; deluser nope", "0\n",
     "delgroup: 'root' still has 'root' as their primary group!\ndeluser: unknown user nope\n", 1),
    ("usleep 1000; logger hi; reboot; echo $?", "0\n", "", 0),
)  # fmt: skip


@pytest.mark.parametrize(("script", "stdout", "stderr", "code"), CASES)
def test_it_is_as_on_a_real_engine(tmp_path: Path, script: str, stdout: str, stderr: str, code: int) -> None:
    written = {"stdout": b"", "stderr": b""}

    async def main() -> int:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", "sleep", "1000")

            async def collect(stream: str, data: bytes) -> None:
                written[stream] += data

            return await asyncio.wait_for(container.exec(("sh", "-c", script), collect), 30)

    assert (asyncio.run(main()), written["stdout"].decode(), written["stderr"].decode()) == (code, stdout, stderr)


@pytest.mark.parametrize(
    ("image", "first", "code", "text"),
    [
        ("alpine", "#!/bin/sh", 0, "ran\n"),
        ("alpine", "#!/bin/bash", 1, "exec /run.sh: no such file or directory\n"),
        ("alpine", "#!/bin/sh\r", 1, "exec /run.sh: no such file or directory\n"),
        ("alpine", "#! /usr/bin/env sh", 0, "ran\n"),
        ("alpine", "#!/usr/bin/env bash", 127, "env: can't execute 'bash': No such file or directory\n"),
        ("debian", "#!/bin/bash", 0, "ran\n"),
        ("debian", "#!/usr/bin/env zsh", 127, "env: ‘zsh’: No such file or directory\n"),
    ],
)
def test_a_script_needs_the_program_that_its_first_line_names(
    tmp_path: Path, image: str, first: str, code: int, text: str
) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            script = File("/run.sh", f"{first}\necho ran\n".encode(), mode=0o755)
            container = await made.start(image, "/run.sh", files=(script,))
            assert (await container.wait(), (await output(container)).decode()) == (code, text)

    asyncio.run(main())


def test_a_shell_complains_by_the_name_that_it_was_called_by(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", "sleep", "1000")
            assert await run(container, "/bin/sh", "-c", "nosuch") == (127, b"/bin/sh: nosuch: not found\n")
            told = b"/bin/sh: .: line 0: can't open './nosuch': No such file or directory\n"
            assert await run(container, "/bin/sh", "-c", ". ./nosuch") == (2, told)

    asyncio.run(main())


def test_yes_goes_on_until_it_is_ended(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", "yes", "y" * 99)
            while len(await output(container)) < 1_000_000:  # noqa: ASYNC110 (more than the interpreter's own gives)
                await asyncio.sleep(0.01)
            assert container.pid
            container.kill()
            assert await container.wait() == 137

    asyncio.run(asyncio.wait_for(main(), 60))


def test_the_shell_of_an_exec_may_be_called_ash(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", "sleep", "1000")
            assert await run(container, "ash", "-c", "echo $0; exit 3") == (3, b"ash\n")
            with pytest.raises(Exception, match="executable file not found"):
                await run(await made.start("debian", "sleep", "1000"), "ash", "-c", "true")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("trap", "told"), [("trap '' TERM", b""), ('trap "" 15', b""), ("trap 'echo not yet' TERM", b"not yet\n")]
)
def test_a_script_that_has_a_trap_which_does_not_end_it_is_killed_after_its_time(
    tmp_path: Path, trap: str, told: bytes
) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock(50)) as made:
            container = await made.start("alpine", "sh", "-c", f"{trap}; echo begun; while true; do sleep 1; done")
            await wait_for_output(container, b"begun")
            await container.stop(10)
            assert await container.wait() == 137
            assert await output(container) == b"begun\n" + told

    asyncio.run(main())


@pytest.mark.parametrize(
    ("command", "said"),
    [(("sh", "nosuch"), b"sh: can't open 'nosuch': No such file or directory\n"), (("sh", "-c", "exit 5"), b"")],
)
def test_a_shell_without_its_script_has_a_code_of_its_own(tmp_path: Path, command: Sequence[str], said: bytes) -> None:
    """Compared with engine 20.10."""

    async def main() -> tuple[int, bytes]:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", *command)
            return await container.wait(), await output(container)

    assert asyncio.run(main()) == (5 if "-c" in command else 2, said)
