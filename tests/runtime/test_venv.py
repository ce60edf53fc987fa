"""Where Python's packages and their commands may be, beside the image's own directories."""

import asyncio
import sys
import zipfile
from pathlib import Path

import pytest

from .support import lab, run

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(autouse=True)
def _demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without an index, and its command `demo`."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    folder = tmp_path / "pip" / "wheels"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "demo-1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("demo.py", "def main():\n    print('from', __file__)\n")
        archive.writestr("demo-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.2\n")
        archive.writestr("demo-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("demo-1.2.dist-info/entry_points.txt", "[console_scripts]\ndemo = demo:main\n")
        archive.writestr("demo-1.2.dist-info/RECORD", "")


def said(state: Path, *scripts: str, env: tuple[str, ...] = ()) -> list[str]:
    """What scripts write, one after another in one container."""

    async def work() -> list[str]:
        async with lab(state) as here:
            box = await here.start("python:3-slim", "sleep", "1000")
            found = [await run(box, "sh", "-c", script, env=env) for script in scripts]
            return [text.decode() for _, text in found]

    return asyncio.run(work())


OWN = "/usr/local/lib/python3/site-packages/demo.py"
VENV, USER, PREFIX = (f"{top}/lib/{VERSION}/site-packages" for top in ("/v", "/root/.local", "/p"))
NO_DEMO = "python -c 'import demo' 2>/dev/null || echo no"
SHOW = "-c 'import demo; demo.main()'"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("pip install -q demo && demo && /usr/local/bin/demo", f"from {OWN}\nfrom {OWN}\n"),
        ("python -m pip install -q demo && demo", f"from {OWN}\n"),
        (
            "python -m venv /v && /v/bin/pip install -q demo && /v/bin/demo; demo",
            f"from {VENV}/demo.py\nsh: demo: not found\n",
        ),
        (
            f"python -m venv /v; . /v/bin/activate; pip install -q demo; demo; deactivate; {NO_DEMO}",
            f"from {VENV}/demo.py\nno\n",
        ),
        (
            f"python3 -m venv /v && /v/bin/python -m pip install -q demo; /v/bin/python {SHOW}",
            f"from {VENV}/demo.py\n",
        ),
        (
            "python -m venv /v; PATH=/v/bin:$PATH; pip install -q demo; pip list | tail -1; "
            "python -c 'import sys; print(sys.prefix)'",
            "demo    1.2\n/v\n",
        ),
        ("pip install -q --user demo; PATH=~/.local/bin:$PATH; demo", f"from {USER}/demo.py\n"),
        (
            f"pip install -q --prefix=/p demo; ls /p/bin; PYTHONPATH={PREFIX} /p/bin/demo",
            f"demo\nfrom {PREFIX}/demo.py\n",
        ),
        (f"pip install -q -t /t demo; PYTHONPATH=/t python {SHOW}", "from /t/demo.py\n"),
        (
            "python -m venv",
            "usage: venv [-h] [--system-site-packages] [--symlinks | --copies] [--clear] ENV_DIR [ENV_DIR ...]\n"
            "venv: error: the following arguments are required: ENV_DIR\n",
        ),
    ],
)
def test_commands_of_packages_are_found_where_they_are(tmp_path: Path, script: str, expected: str) -> None:
    assert said(tmp_path, script) == [expected]


def test_a_container_whose_path_begins_with_an_environment_is_in_it(tmp_path: Path) -> None:
    path = "PATH=/v/bin:/usr/local/bin:/usr/bin:/bin"
    made, inside, shell = said(
        tmp_path,
        "python -m venv /v && /v/bin/pip install -q demo",
        "exec demo",
        "which python; python -c 'import demo; demo.main()'",
        env=(path,),
    )
    assert made == ""
    assert inside == f"from {VENV}/demo.py\n"
    assert shell == f"/v/bin/python\nfrom {VENV}/demo.py\n"

    async def direct() -> tuple[int, bytes]:
        async with lab(tmp_path) as here:
            box = await here.start("python:3-slim", "sleep", "1000")
            await run(box, "sh", "-c", "python -m venv /v && /v/bin/pip install -q demo")
            return await run(box, "demo", env=(path,))

    assert asyncio.run(direct()) == (0, f"from {VENV}/demo.py\n".encode())


def test_modules_are_found_by_pythonpath(tmp_path: Path) -> None:
    script = "mkdir /m; echo 'x = 5' > /m/mm.py; python -c 'import mm; print(mm.x)'"
    assert said(tmp_path, script, env=("PYTHONPATH=/m",)) == ["5\n"]
