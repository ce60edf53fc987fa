"""pip in containers, without an index: wheels are in the lab's folder, or made of the lab's own packages."""

import asyncio
import zipfile
from pathlib import Path

import pytest

from .support import lab, run

PIP = b'#!/bin/sh\nexec pip "$@"\n'
SITE = "/usr/local/lib/python3/site-packages"


def wheel(state: Path, name: str, version: str, needs: str = "") -> None:
    """Put a wheel into the folder of an engine."""
    folder = state / "pip" / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    need = f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{need}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(autouse=True)
def _no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def scenario(state: Path, *commands: str, files: dict[str, str] | None = None) -> list[tuple[int, str]]:
    """What commands in one container end with, and say."""

    async def work() -> list[tuple[int, str]]:
        async with lab(state) as made:
            container = await made.start("alpine", "sleep", "1000")
            lines = [f"cat > {path} <<'END'\n{text}\nEND" for path, text in (files or {}).items()]
            script = "\n".join(["cat > /usr/local/bin/pip", "chmod +x /usr/local/bin/pip"])
            await run(container, "sh", "-c", script, stdin=[PIP])
            for line in lines:
                assert (await run(container, "sh", "-c", line))[0] == 0
            found = [await run(container, "sh", "-c", command) for command in commands]
            return [(code, said.decode()) for code, said in found]

    return asyncio.run(work())


def test_packages_of_a_file_are_installed_with_what_they_need(tmp_path: Path) -> None:
    wheel(tmp_path, "demo", "1.2", needs="helper>=1")
    wheel(tmp_path, "helper", "1.0")
    wheel(tmp_path, "helper", "2.0")
    installed, listed, script, frozen = scenario(
        tmp_path,
        "pip install --no-cache-dir -r /requirements.txt",
        "pip list",
        f"head -n 1 /usr/local/bin/demo; cat {SITE}/demo.py",
        "pip freeze",
        files={"/requirements.txt": "demo ~= 1.0  # ours\n-c limits.txt", "/limits.txt": "helper<2"},
    )
    assert installed == (
        0,
        "Collecting demo (from -r requirements.txt (line 1))\n"
        "  Using cached demo-1.2-py3-none-any.whl\n"
        "Collecting helper (from demo~=1.0->-r requirements.txt (line 1))\n"
        "  Using cached helper-1.0-py3-none-any.whl\n"
        "Installing collected packages: helper, demo\n"
        "Successfully installed demo-1.2 helper-1.0\n",
    )
    assert listed == (0, "Package Version\n------- -------\ndemo    1.2\nhelper  1.0\n")
    assert script == (0, "#!/usr/local/bin/python3\nversion = '1.2'\n")
    assert frozen == (0, "demo==1.2\nhelper==1.0\n")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".pip")] == []


def test_what_nobody_has(tmp_path: Path) -> None:
    ((code, said),) = scenario(tmp_path, "pip install nosuch-package-of-ours")
    assert code == 1
    assert said == (
        "ERROR: Could not find a version that satisfies the requirement nosuch-package-of-ours (from versions: none)\n"
        "ERROR: No matching distribution found for nosuch-package-of-ours\n"
        "Packages come as wheels from where the pip of your own machine gets them; this lab has nothing kept that "
        "would do.\n"
    )


def test_one_that_cannot_be_had_is_named_and_not_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path / "index", "demo", "1.2")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index" / "pip" / "wheels"))
    both, one = scenario(tmp_path / "lab", "pip install demo nosuch-package-of-ours", "pip install demo")
    assert both[0] == 1
    assert "No matching distribution found for nosuch-package-of-ours" in both[1]
    assert "for demo" not in both[1]
    assert one[0] == 0


def test_psycopg2_comes_as_its_wheel(tmp_path: Path) -> None:
    installed, quiet, constrained = scenario(
        tmp_path,
        "pip install -r /requirements.txt",
        "pip install -q Psycopg2",
        "pip install -q psycopg2 -c /limits.txt",
        files={"/requirements.txt": "psycopg2[extra] >= 2.9  # the driver", "/limits.txt": "psycopg2<1"},
    )
    assert installed[0] == 0
    assert installed[1].startswith(
        "psycopg2 is published without wheels: psycopg2-binary, the same modules, takes its place\n"
    )
    assert "Successfully installed psycopg2-binary-2.9" in installed[1]
    assert quiet == (0, "")
    assert constrained[0] == 1


def test_packages_of_the_lab_itself_need_no_index(tmp_path: Path) -> None:
    installed, there = scenario(tmp_path, "pip install -q 'multidict>=1'", f"ls {SITE}/multidict/__init__.py")
    assert installed == (0, "")
    assert there == (0, f"{SITE}/multidict/__init__.py\n")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("install", 'You must give at least one requirement to install (see "pip help install")'),
        ("install -r /no.txt", "Could not open requirements file: [Errno 2] No such file or directory: '/no.txt'"),
        (
            "install git+https://x/y",
            "git+https://x/y is not available in swarmlab: packages are installed by name, from wheels",
        ),
        ("install -e .", "-e is not available in swarmlab: packages are installed by name, from wheels"),
        ("install ./x", "./x is not available in swarmlab: packages are installed by name, from wheels"),
        (
            "install 'x @ file:///etc/passwd'",
            "x @ file:///etc/passwd is not available in swarmlab: packages are installed by name, from wheels",
        ),
        ("install --root /x y", "--root is not available in swarmlab: packages are installed by name, from wheels"),
        ("install y -t", "-t option requires 1 argument"),
        ("uninstall x", '"pip uninstall" is not available in swarmlab: there are install, wheel, list and freeze'),
        ("install -r /loop.txt", "/loop.txt includes itself"),
    ],
)
def test_what_is_refused(tmp_path: Path, command: str, message: str) -> None:
    ((code, said),) = scenario(tmp_path, f"pip {command}", files={"/loop.txt": "-r /loop.txt"})
    assert (code, said) == (1, f"ERROR: {message}\n")


def test_images_without_pip_have_none(tmp_path: Path) -> None:
    async def work() -> tuple[int, bytes]:
        async with lab(tmp_path) as made:
            return await run(await made.start("alpine", "sleep", "1000"), "sh", "-c", "pip list")

    assert asyncio.run(work()) == (127, b"sh: pip: not found\n")


def test_pip_stays_itself_when_it_is_upgraded(tmp_path: Path) -> None:
    wheel(tmp_path, "pip", "99.0")
    wheel(tmp_path, "demo", "1.2")
    upgraded, again, installed = scenario(
        tmp_path, "pip install --upgrade pip", "cat /usr/local/bin/pip", "pip install -q demo && pip list"
    )
    assert upgraded[1].endswith("Successfully installed pip-99.0\n")
    assert again == (0, PIP.decode())
    assert installed == (0, "Package Version\n------- -------\ndemo    1.2\npip     99.0\n")


def test_wheels_are_built_in_one_place_and_installed_from_there(tmp_path: Path) -> None:
    """Images of several stages carry them from one to the next."""
    wheel(tmp_path, "demo", "1.2", needs="helper>=1")
    wheel(tmp_path, "helper", "2.0")
    built, there, installed, listed, linked, missing = scenario(
        tmp_path,
        "pip wheel -q --no-cache-dir --wheel-dir /w demo",
        "ls /w",
        "pip install --no-cache /w/*",
        "pip list",
        "pip install --no-index --find-links=/w --target /t demo && ls /t",
        "pip install /w/none.whl",
    )
    assert built == (0, "")
    assert there == (0, "demo-1.2-py3-none-any.whl\nhelper-2.0-py3-none-any.whl\n")
    assert installed[0] == 0
    assert installed[1].endswith("Successfully installed demo-1.2 helper-2.0\n")
    assert str(tmp_path) not in installed[1]
    assert listed == (0, "Package Version\n------- -------\ndemo    1.2\nhelper  2.0\n")
    assert linked[0] == 0
    assert "demo.py\n" in linked[1]
    reason = "Could not install packages due to an OSError: [Errno 2] No such file or directory: '/w/none.whl'"
    assert missing == (1, f"ERROR: {reason}\n")
