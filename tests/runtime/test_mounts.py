"""What is mounted in virtual containers, and containers that are paused."""

import asyncio
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock, VirtualClock
from swarmlab.runtime.base import Mount

from .support import Lab, advance, fetch, lab, output, run, wait_for_output, within


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "there").write_text("before\n")
    return made


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_two_containers_share_a_directory(state: Path, folder: Path) -> None:
    async def test(made: Lab) -> None:
        one = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/a", folder),))
        two = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/b/c", folder),))
        assert await run(one, "sh", "-c", "mkdir /a/deep; echo hello > /a/deep/new; cat /a/there") == (0, b"before\n")
        assert await run(two, "cat", "/b/c/deep/new") == (0, b"hello\n")
        assert (folder / "deep" / "new").read_text() == "hello\n"
        await one.remove()
        assert (folder / "there").exists()

    within(state, test)


def test_nothing_is_written_to_what_is_read_only(state: Path, folder: Path) -> None:
    async def test(made: Lab) -> None:
        box = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/a", folder, read_only=True),))
        code, said = await run(box, "sh", "-c", "touch /a/x; echo y > /a/there; rm /a/there; mkdir /a/d")
        assert code == 1
        assert said.count(b"Read-only file system") == 4, said
        with pytest.raises(PermissionError, match="mounted volume is marked read-only"):
            box.unpack("/a", b"", replace=True)
        assert inside(folder) == ["there"]
        assert (folder / "there").read_text() == "before\n"

    within(state, test)


def test_a_read_only_container_writes_to_its_mounts_only(state: Path, folder: Path) -> None:
    async def test(made: Lab) -> None:
        mounts = (Mount("/a", folder), Mount("/t"))
        box = await made.start("busybox", "sleep", "infinity", mounts=mounts, read_only=True)
        assert await run(box, "sh", "-c", "echo x > /a/x && echo y > /t/y && cat /t/y") == (0, b"y\n")
        assert await run(box, "sh", "-c", "echo z > /z") == (1, b"sh: can't create /z: Read-only file system\n")
        with pytest.raises(PermissionError, match="container rootfs is marked read-only"):
            box.unpack("/", b"", replace=True)

    within(state, test)


def test_a_mount_point_cannot_be_removed(state: Path, folder: Path) -> None:
    async def test(made: Lab) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        box = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/a", folder),))
        busy = b"rm: can't remove '/a': Device or resource busy\n"
        assert await run(box, "rm", "-rf", "/a") == (1, busy)
        assert inside(folder) == []
        assert await run(box, "rmdir", "/a") == (1, b"rmdir: '/a': Device or resource busy\n")
        assert await run(box, "sh", "-c", "echo y > /a/y; echo z > /z; rm /a/y /z && ls /a") == (0, b"")
        assert await run(box, "rm", "/nowhere") == (1, b"rm: can't remove '/nowhere': No such file or directory\n")
        assert await run(box, "rm", "-f", "/nowhere") == (0, b"")
        assert await run(box, "rm", "/tmp") == (1, b"rm: '/tmp' is a directory\n")

    within(state, test)


def test_links_lead_nowhere_outside(state: Path, folder: Path) -> None:
    async def test(made: Lab) -> None:
        (folder.parent / "secret").write_text("secret")
        (folder / "up").symlink_to("../secret")
        (folder / "inside").symlink_to("there")
        box = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/a", folder),))
        code, said = await run(box, "cat", "/a/up")
        assert code == 1
        assert b"secret\n" not in said
        assert await run(box, "cat", "/a/inside") == (0, b"before\n")

    within(state, test)


def test_a_tmpfs_begins_empty_at_each_start(state: Path) -> None:
    async def test(made: Lab) -> None:
        box = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/t"),))
        assert await run(box, "sh", "-c", "ls /t; echo x > /t/x; ls /t") == (0, b"x\n")
        box.kill()
        await box.wait()
        await box.start()
        assert await run(box, "ls", "/t") == (0, b"")

    within(state, test)


def test_an_empty_volume_gets_what_the_image_has(state: Path, tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    html = "/usr/share/nginx/html"
    made = [Mount(html, empty, copy=True), Mount(html, folder, copy=True)]

    async def test(lab: Lab) -> None:
        for mount in made:
            lab.create("nginx:alpine", mounts=(mount,)).populate()
        assert inside(empty) == ["50x.html", "index.html"]
        assert inside(folder) == ["there"]

    within(state, test)


def test_a_bound_file_is_carried_over_both_ways(state: Path, folder: Path) -> None:
    file = folder / "there"

    async def test(made: Lab) -> None:
        box = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/etc/app.conf", file),))
        assert await run(box, "cat", "/etc/app.conf") == (0, b"before\n")
        file.write_text("outside, and longer\n")
        assert await run(box, "cat", "/etc/app.conf") == (0, b"outside, and longer\n")
        await run(box, "sh", "-c", "echo inside > /etc/app.conf")
        assert file.read_text() == "inside\n"
        await run(box, "rm", "/etc/app.conf")
        assert await run(box, "cat", "/etc/app.conf") == (0, b"inside\n")

    within(state, test)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo inside > /etc/app.conf", "sh: can't create /etc/app.conf: Read-only file system"),
        ("echo inside >> /etc/app.conf", "sh: can't create /etc/app.conf: Read-only file system"),
        ("cp /etc/hosts /etc/app.conf", "Read-only file system"),
        ("rm /etc/app.conf", "rm: can't remove '/etc/app.conf': Device or resource busy"),
        ("chmod 777 /etc/app.conf", "chmod: /etc/app.conf: Read-only file system"),
    ],
)
def test_nothing_writes_a_bound_file_that_is_read_only(state: Path, folder: Path, command: str, said: str) -> None:
    file = folder / "there"

    async def test(made: Lab) -> None:
        mount = Mount("/etc/app.conf", file, read_only=True)
        box = await made.start("busybox", "sleep", "infinity", mounts=(mount,))
        await run(box, "touch", "/etc/hosts")
        code, shown = await run(box, "sh", "-c", f"{command} 2>&1")
        assert code == 1
        assert said in shown.decode()
        assert await run(box, "sh", "-c", "cat /etc/app.conf; stat -c %s /etc/app.conf") == (0, b"before\n7\n")
        assert file.read_text() == "before\n"
        file.write_text("outside, and longer\n")
        assert await run(box, "cat", "/etc/app.conf") == (0, b"outside, and longer\n")

    within(state, test)


def test_nginx_serves_what_is_mounted(state: Path, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("one")
    html = "/usr/share/nginx/html"

    async def test(made: Lab) -> None:
        whole = await made.start("nginx:alpine", mounts=(Mount(html, folder),))
        parts = await made.start(
            "nginx:alpine", mounts=(Mount(f"{html}/index.html", page), Mount(f"{html}/img", folder))
        )
        assert (await fetch(whole, path="/there"))[1] == b"before\n"
        await run(whole, "sh", "-c", f"echo new > {html}/new")
        assert (await fetch(whole, path="/new"))[1] == b"new\n"
        assert (await fetch(parts, path="/img/new"))[1] == b"new\n"
        assert (await fetch(parts))[1] == b"one"
        page.write_text("another")
        # The file is looked at once in a second, a hundredth of which passes for each request.
        assert b"another" in [(await fetch(parts))[1] for _ in range(1000)]
        for container in (whole, parts):
            await container.remove()
        assert inside(folder) == ["new", "there"]

    within(state, test, ScaledClock(100))


def test_nginx_reads_a_configuration_that_is_mounted(state: Path, tmp_path: Path) -> None:
    conf = tmp_path / "conf.d"
    conf.mkdir()
    (conf / "site.conf").write_text('server { listen 80; location / { return 200 "mounted"; } }')

    async def test(made: Lab) -> None:
        directory = await made.start("nginx:alpine", mounts=(Mount("/etc/nginx/conf.d", conf),))
        single = Mount("/etc/nginx/conf.d/default.conf", conf / "site.conf")
        file = await made.start("nginx:alpine", mounts=(single,))
        assert (await fetch(directory))[1] == (await fetch(file))[1] == b"mounted"

    within(state, test)


def test_changes_do_not_tell_what_is_in_a_mount(state: Path, folder: Path) -> None:
    async def test(made: Lab) -> None:
        box = await made.start("busybox", "sleep", "infinity", mounts=(Mount("/a", folder),))
        assert [(change.kind, change.path) for change in box.changes()] == [(1, "/a")]

    within(state, test)


def test_a_paused_script_makes_no_progress(state: Path) -> None:
    clock = VirtualClock()

    async def test(made: Lab) -> None:
        box = await made.start("busybox", "sh", "-c", "while true; do echo on; sleep 1; done")
        await wait_for_output(box, b"on")
        box.pause()
        await advance(clock, 10)
        before = await output(box)
        await advance(clock, 10)
        assert await output(box) == before
        box.unpause()
        while await output(box) == before:
            await advance(clock, 1)
            await asyncio.sleep(0)

    within(state, test, clock)


def test_a_paused_server_answers_when_it_goes_on(state: Path) -> None:
    async def test(made: Lab) -> None:
        nginx = await made.start("nginx:alpine")
        echo = await made.start("training/whoami")
        for box, port in ((nginx, 80), (echo, 8000)):
            box.pause()
            page = asyncio.ensure_future(fetch(box, port))
            assert not (await asyncio.wait((page,), timeout=0.2))[0]
            box.unpause()
            assert (await page)[0].startswith(b"HTTP/1.1 200")

    within(state, test)


def test_a_paused_container_can_be_killed_and_other_signals_wait(state: Path) -> None:
    async def test(made: Lab) -> None:
        nginx = await made.start("nginx:alpine")
        nginx.pause()
        nginx.kill("SIGQUIT")
        assert nginx.pid
        nginx.unpause()
        assert await nginx.wait() == 0
        box = await made.start("busybox", "sh", "-c", "while true; do echo on; done")
        box.pause()
        box.kill()
        assert await box.wait() == 137

    within(state, test)


def test_what_a_volume_hides_is_not_gone(tmp_path: Path) -> None:
    async def play() -> None:
        (tmp_path / "volume").mkdir()
        async with lab(tmp_path / "lab") as runtime:
            mounts = (Mount(target="/var/log/nginx", source=tmp_path / "volume"),)
            container = await runtime.start("nginx:alpine", "sleep", "1000", mounts=mounts)
            await run(container, "sh", "-c", "echo 1 > /new; ls /var/log/nginx")
            assert [change.path for change in container.changes()] == ["/new"]

    asyncio.run(play())


def test_a_container_s_working_directory_is_made(state: Path, folder: Path) -> None:
    """MB: container/container.go, `SetupWorkingDirectory`; in what is mounted over it by runc (rootfs_linux.go)."""

    async def test(made: Lab) -> None:
        box = await made.start("busybox", "sleep", "infinity", working_dir="/work/deep")
        assert await run(box, "sh", "-c", "pwd; touch x; ls /work/deep") == (0, b"/work/deep\nx\n")
        over = await made.start(
            "busybox", "sleep", "infinity", working_dir="/data/sub", mounts=(Mount("/data", folder),)
        )
        assert await run(over, "sh", "-c", "pwd; ls /data") == (0, b"/data/sub\nsub\nthere\n")
        assert (folder / "sub").is_dir()

    within(state, test)


def test_what_is_mounted_is_there_once_the_container_was_started(state: Path, folder: Path) -> None:
    """As `docker diff` of a real engine has it; the working directory is there before."""

    async def test(made: Lab) -> None:
        box = made.create(
            "busybox", "true", working_dir="/work", mounts=(Mount("/data/deep", folder), Mount("/etc/own"))
        )
        assert [(change.kind, change.path) for change in box.changes()] == [(1, "/work")]
        await box.start()
        await box.wait()
        assert [(change.kind, change.path) for change in box.changes()] == [
            (1, "/data"), (1, "/data/deep"), (0, "/etc"), (1, "/etc/own"), (1, "/work")
        ]  # fmt: skip

    within(state, test)
