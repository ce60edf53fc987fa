"""Python programs in containers: their files, their ports, their signals, the interpreter at a terminal."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import Container, File, Mount

from .support import Lab, fetch, lab, listening, output, ran, run, within


def test_a_program_sees_its_container(tmp_path: Path) -> None:
    script = "import os, socket, sys; print(os.getcwd(), socket.gethostname(), os.uname().nodename, os.getuid(), "
    script += "open('/run/secrets/key').read(), 'www-data' in open('/etc/passwd').read(), os.path.isdir('/var/lib'), "
    script += "sys.argv, os.environ['GREETING'], 'SWARMLAB_SHIM' in os.environ, os.path.exists('/proc/self'))"

    async def test(made: Lab) -> None:
        found = await ran(
            made, "python", "-c", script, "a", "b", env=("GREETING=hello",), user="www-data", working_dir="/srv",
            files=(File("/run/secrets/key", b"geheim", secret=True),),
        )  # fmt: skip
        assert found == (0, "/srv host1 host1 33 geheim True True ['-c', 'a', 'b'] hello False True\n")

    within(tmp_path, test)


def test_a_script_and_the_shell_have_the_same_files(tmp_path: Path) -> None:
    script = """
mkdir /app && cd /app
printf 'import helper\\nprint(__file__, helper.X)\\nopen("/app/out.txt", "w").write("written")\\n1/0\\n' > main.py
echo X=5 > helper.py
python main.py 2> /tmp/complaint; echo "code $?"; cat /tmp/complaint
cat out.txt; ls
python -m json.tool helper.py > /dev/null || echo "no JSON"
echo 'print("from standard input")' | python
python nosuch.py
"""

    async def test(made: Lab) -> None:
        code, shown = await ran(made, "sh", "-c", script)
        assert code == 2
        assert shown.startswith("/app/main.py 5\ncode 1\nTraceback (most recent call last):\n")
        assert '  File "/app/main.py", line 4, in <module>\n    1/0\n' in shown
        assert "ZeroDivisionError: division by zero\nwritten" in shown
        assert "helper.py\nmain.py\nout.txt\n" in shown
        assert "no JSON\n" in shown
        assert "from standard input\n" in shown
        assert shown.endswith("python: can't open file '/app/nosuch.py': [Errno 2] No such file or directory\n")
        assert str(tmp_path) not in shown

    within(tmp_path, test)


def test_mounted_folders_are_read_and_written(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text(
        "import os; os.makedirs('made/here'); print(os.getcwd(), sorted(os.listdir('/application')))"
    )

    async def test(made: Lab) -> None:
        mount = Mount(target="/application", source=project)
        found = await ran(made, "python", "app.py", mounts=(mount,), working_dir="/application")
        assert found == (0, "/application ['app.py', 'made']\n")

    within(tmp_path / "state", test)
    assert (project / "made").is_dir()


def test_sqlite_keeps_its_files_in_the_container(tmp_path: Path) -> None:
    script = "import sqlite3; db = sqlite3.connect({}); print(db.execute('create table t (a)').rowcount)"

    async def test(made: Lab) -> None:
        lines = [f'python -c "{script.format(name)}"' for name in ("'/srv/a.db'", "database='/srv/b.db'", "':memory:'")]
        assert await ran(made, "sh", "-c", "; ".join([*lines, "ls /srv"])) == (0, "-1\n-1\n-1\na.db\nb.db\n")

    within(tmp_path, test)


def test_errors_name_paths_as_the_container_does(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        code, shown = await ran(made, "python", "-c", "open('/etc/nosuch')")
        assert (code, shown.splitlines()[-1]) == (
            1,
            "FileNotFoundError: [Errno 2] No such file or directory: '/etc/nosuch'",
        )
        assert "shim" not in shown
        assert (await ran(made, "python", "-c", "import sys; sys.exit(7)"))[0] == 7
        assert (await ran(made, "python", "--bad"))[0] == 2
        assert (await ran(made, "python", "-c", "import aiohttp"))[1].splitlines()[-1] == (
            "ModuleNotFoundError: No module named 'aiohttp'"
        )

    within(tmp_path, test)


def test_serves_on_the_container_s_port(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "python", "-u", "-m", "http.server", "8000", working_dir="/etc")
        await listening(container, 8000)
        assert (await fetch(container, 8000, "/hostname"))[1] == b"host1\n"
        assert (await run(container, "wget", "-qO-", "http://localhost:8000/hostname")) == (0, b"host1\n")
        script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/hostname').read())"
        assert await run(container, "python", "-c", script) == (0, b"b'host1\\n'\n")
        assert b"Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ..." in await output(container)
        taken = await run(container, "python", "-c", "import socket; socket.create_server(('', 8000))")
        assert taken[0] == 1
        assert b"Address already in use" in taken[1]
        script = "import socket; s = socket.create_server(('', 81)); print(s.getsockname())"
        assert await run(container, "python", "-c", script) == (0, b"('0.0.0.0', 81)\n")
        assert 81 not in container.ports()
        script = "import socket; socket.create_connection(('localhost', 9))"
        assert b"ConnectionRefusedError: [Errno 111]" in (await run(container, "python", "-c", script))[1]
        script = "import socket; socket.getaddrinfo('nosuch', 80)"
        assert (
            b"socket.gaierror: [Errno -2] Name or service not known"
            in (await run(container, "python", "-c", script))[1]
        )

    within(tmp_path, test)


def test_the_first_process_ignores_what_it_does_not_handle(tmp_path: Path) -> None:
    handler = (
        "import signal, sys, time; signal.signal(15, lambda *a: sys.exit(3)); print('on', flush=True); time.sleep(60)"
    )

    async def test(made: Lab) -> None:
        deaf = await made.start("python", "python", "-c", "print('on', flush=True); import time; time.sleep(60)")
        polite = await made.start("python", "python", "-c", handler)
        for container in (deaf, polite):
            async for _ in container.logs(follow=True):
                break
        await polite.stop(10)
        assert await polite.wait() == 3
        await deaf.stop(0.2)
        assert await deaf.wait() == 137

    within(tmp_path, test)


def test_nothing_runs_on_after_the_container_has_ended(tmp_path: Path) -> None:
    script = "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    script += "print(child.pid, flush=True)\nif os.fork() == 0: os.setsid(); time.sleep(600)\ntime.sleep(600)"

    async def test(made: Lab) -> None:
        container = await made.start("python", "python", "-c", script)
        async for line in container.logs(follow=True):
            child = psutil.Process(int(line.data))
            break
        family = [*psutil.Process(child.ppid()).children(recursive=True)]
        assert child in family
        container.kill()
        assert await container.wait() == 137
        assert psutil.wait_procs(family, timeout=5)[1] == []

    within(tmp_path, test)


async def interrupted(container: Container) -> int:
    """The exit code of a program that Ctrl-C ends, typed once it runs: in its first moments Python makes 1 of it."""
    up = asyncio.Event()

    async def collect(stream: str, data: bytes) -> None:
        if b"up" in data:
            up.set()

    async def keys() -> AsyncIterator[bytes]:
        await up.wait()
        yield b"\x03"

    program = "import time; print('up', flush=True); time.sleep(600)"
    return await container.exec(("python", "-c", program), collect, stdin=keys(), tty=True)


def test_the_interpreter_at_a_terminal(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "sleep", "600")
        keys = [b"import sys, os\r", b"print(sys.stdin.isatty(), 6 * 7)\r", b"exit()\r"]
        code, shown = await run(container, "python", tty=True, stdin=keys)
        assert code == 0
        assert b">>> " in shown
        assert b"True 42\r\n" in shown
        assert await interrupted(container) == 130

    within(tmp_path, test)


def test_ctrl_c_reaches_programs_of_a_lab_that_was_started_to_ignore_it(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "sleep", "600")
        assert await interrupted(container) == 130

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        within(tmp_path, test)
    finally:
        signal.signal(signal.SIGINT, before)


def test_commands_that_are_python_scripts(tmp_path: Path) -> None:
    script = b"#!/usr/bin/env python3\nimport sys\nprint('ran', sys.argv[1:])\n"
    files = (File("/usr/local/bin/tool", script, mode=0o755),)

    async def test(made: Lab) -> None:
        assert await ran(made, "tool", "a", files=files) == (0, "ran ['a']\n")
        assert await ran(made, "sh", "-c", "tool b && echo well", files=files) == (0, "ran ['b']\nwell\n")

    within(tmp_path, test)


def test_a_program_can_start_itself_again_with_the_words_it_was_started_with(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        "print(sys.orig_argv[1:], flush=True)\n"
        "if 'AGAIN' not in os.environ:\n"
        "    subprocess.call([sys.executable, *sys.orig_argv[1:]], env={**os.environ, 'AGAIN': '1'})\n"
    )

    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("python", "python", "-c", script, "word")
            assert await container.wait() == 0
            first, second = (await output(container)).splitlines()
            assert first == second
            assert first.endswith(b"'word']")

    asyncio.run(main())
