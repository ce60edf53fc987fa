"""What users other than root may do with a container's files, as on a real engine's alpine."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from .support import lab, run

#: What a user 1000 does, and what it comes to.
CASES: Sequence[tuple[str, str]] = (
    ("touch /x; echo $?", "touch: /x: Permission denied\n1\n"),
    ("touch /tmp/y; ls -ln /tmp/y | cut -c1-30", "-rw-r--r--    1 1000     1000 \n"),
    ("mkdir /d", "mkdir: can't create directory '/d': Permission denied\n"),
    ("mkdir -m 700 /tmp/m; ls -ldn /tmp/m | cut -c1-30", "drwx------    2 1000     1000 \n"),
    ("mkdir -p /tmp/a/b; stat -c '%u %n' /tmp/a /tmp/a/b", "1000 /tmp/a\n1000 /tmp/a/b\n"),
    ("echo a > /root/k", "sh: can't create /root/k: Permission denied\n"),
    ("echo a >> /etc/hosts", "sh: can't create /etc/hosts: Permission denied\n"),
    ("echo a > /etc/passwd || echo failed", "sh: can't create /etc/passwd: Permission denied\nfailed\n"),
    ("rm /etc/passwd; rm -r /opt; ls -d /etc/passwd /opt",
     "rm: can't remove '/etc/passwd': Permission denied\nrm: can't remove '/opt': Permission denied\n"
     "/etc/passwd\n/opt\n"),
    ("rmdir /home", "rmdir: '/home': Permission denied\n"),
    ("chmod 777 /etc/passwd", "chmod: /etc/passwd: Operation not permitted\n"),
    ("chown 1000 /etc/passwd", "chown: /etc/passwd: Operation not permitted\n"),
    ("mv /etc/passwd /tmp/z", "mv: can't rename '/etc/passwd': Permission denied\n"),
    ("cp /etc/passwd /tmp/p; mv /tmp/p /tmp/q; stat -c '%u:%g %a' /tmp/q", "1000:1000 644\n"),
    ("ln -s /etc/passwd /tmp/l; head -1 /tmp/l | cut -c1-4; stat -c %u /tmp/l", "root\n1000\n"),
    ("ln -s a /etc/l", "ln: /etc/l: Permission denied\n"),
    ("echo a | tee /etc/x; echo $?", "tee: /etc/x: Permission denied\na\n1\n"),
    ("echo a | tee -a /tmp/t /tmp/u; cat /tmp/t /tmp/u; stat -c %u /tmp/u", "a\na\na\n1000\n"),
    ("echo x > /tmp/f; echo y >> /tmp/f; cat /tmp/f; chmod 600 /tmp/f; rm /tmp/f; ls /tmp", "x\ny\n"),
    ("cat /root/.x", "cat: can't open '/root/.x': Permission denied\n"),
    ("echo ok > /dev/null && echo ok; echo err > /dev/stderr", "ok\nerr\n"),
)  # fmt: skip


def test_a_user_writes_his_own_files_only(tmp_path: Path) -> None:
    async def play() -> None:
        async with lab(tmp_path) as runtime:
            container = await runtime.start("alpine", "sleep", "1000")
            for script, expected in CASES:
                await run(container, "sh", "-c", "rm -rf /tmp/*")
                _, said = await run(container, "sh", "-c", script, user="1000:1000")
                # Complaints about redirections may come after what follows.
                assert (script, sorted(said.decode().splitlines())) == (script, sorted(expected.splitlines()))

    asyncio.run(play())


@pytest.mark.parametrize("image", ["alpine", "python:3-alpine"])
def test_what_root_gives_away_stays_given_away(tmp_path: Path, image: str) -> None:
    async def play() -> None:
        async with lab(tmp_path) as runtime:
            container = await runtime.start(image, "sleep", "1000")
            script = "mkdir -p /app/sub; echo 1 > /app/f; chmod 600 /app/f; chown -R 1000:1000 /app"
            assert (await run(container, "sh", "-c", script))[0] == 0
            script = "cd /app; cat f; echo 2 >> f; touch sub/new; rm -r sub; mkdir more; stat -c %u more"
            assert await run(container, "sh", "-c", script, user="1000:1000") == (0, b"1\n1000\n")
            assert await run(container, "sh", "-c", "cat /app/f", user="1001") == (
                1,
                b"cat: can't open '/app/f': Permission denied\n",
            )
            # Whatever root does to them, root may; and who owns a file goes with it.
            script = "cat /app/f; mv /app/f /moved; rm -r /app; touch /app; stat -c '%u %n' /moved /app"
            assert await run(container, "sh", "-c", script) == (0, b"1\n2\n1000 /moved\n0 /app\n")

    asyncio.run(play())


def test_links_of_an_image_are_links_in_its_containers(tmp_path: Path) -> None:
    async def play() -> None:
        async with lab(tmp_path) as runtime:
            container = await runtime.start("nginx:alpine", "sleep", "1000")
            script = "ls -l /var/log/nginx/access.log | sed 's/.*access/access/'; mkdir /d; echo a > /d/f; ln -s d /e"
            assert await run(container, "sh", "-c", script) == (0, b"access.log -> /dev/stdout\n")
            script = "cat /e/f; ls /e; ls -d /e/; ls -l /e | cut -c1; echo b > /e/g; cat /d/g; stat -c %F /e /e/f"
            assert await run(container, "sh", "-c", script) == (
                0,
                b"a\nf\n/e/\nl\nb\nsymbolic link\nregular file\n",
            )

    asyncio.run(play())


def test_what_python_makes_is_the_users(tmp_path: Path) -> None:
    async def play() -> None:
        async with lab(tmp_path) as runtime:
            container = await runtime.start("python:3-alpine", "sleep", "1000", user="1000:1000")
            await run(container, "sh", "-c", "mkdir /app; chown 1000:1000 /app", user="root")
            program = "import os; os.makedirs('/app/x'); open('/app/x/made.py', 'w').write('1\\n')"
            assert await run(container, "python", "-c", program) == (0, b"")
            script = "echo 2 >> /app/x/made.py; cat /app/x/made.py; stat -c %u:%g /app/x /app/x/made.py /etc/passwd"
            assert await run(container, "sh", "-c", script) == (0, b"1\n2\n1000:1000\n1000:1000\n0:0\n")
            assert (await run(container, "sh", "-c", "echo 2 >> /etc/passwd"))[0] == 1

    asyncio.run(play())
