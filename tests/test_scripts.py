"""The scripts by which people and CI use the project, each in a checkout of its own with stand-ins for what is slow."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent

# Enough of a build backend for an editable install without any package from elsewhere. It waits, where `hold` exists,
# until whoever made that pipe reads from it: so that a test can stop a set-up half way.
BACKEND = """
import os, zipfile

INFO = "swarmlab-1.dist-info"

def build_editable(folder, config_settings=None, metadata_directory=None):
    if os.path.exists("hold"):
        open("hold", "w").close()
    with zipfile.ZipFile(os.path.join(folder, "swarmlab-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr(INFO + "/METADATA", "Metadata-Version: 2.1\\nName: swarmlab\\nVersion: 1\\n")
        wheel.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "/entry_points.txt", "[console_scripts]\\nswarmlab = hello:main\\n")
        wheel.writestr("swarmlab.pth", os.getcwd() + "\\n")
        wheel.writestr(INFO + "/RECORD", "")
    return "swarmlab-1-py3-none-any.whl"
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class Checkout:
    """A small project with the real scripts/bootstrap, in a folder whose name has spaces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "scripts").mkdir(parents=True)
        for name in ("bootstrap", "setup_venv.py"):
            shutil.copy(ROOT / "scripts" / name, path / "scripts" / name)
        for name in ("constraints.txt", "constraints-lab.txt"):
            (path / name).write_text(f"# nothing to install of {name}\n")
        (path / "pyproject.toml").write_text(PROJECT)
        (path / "backend.py").write_text(BACKEND)
        (path / "hello.py").write_text("def main():\n    print('hello')\n")

    @property
    def stamp(self) -> Path:
        return self.path / ".venv" / "swarmlab-stamp.json"

    def version(self) -> tuple[int, int]:
        """Which writing of the stamp this is."""
        found = self.stamp.stat()
        return found.st_ino, found.st_mtime_ns

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.path / "scripts" / "bootstrap", *arguments],
            env={**os.environ, "SWARMLAB_PYTHON": sys.executable, **environ},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def bootstrap(self, *arguments: str, **environ: str) -> tuple[int, str]:
        process = self.start(*arguments, **environ)
        printed, told = process.communicate(timeout=100)
        assert printed == "", "standard output belongs to the script that called"
        return process.returncode, told

    def hello(self) -> str:
        return subprocess.run(
            [self.path / ".venv" / "bin" / "swarmlab"], capture_output=True, text=True, check=True
        ).stdout


def copy(checkout: Checkout, path: Path) -> Checkout:
    """The same with its .venv in another place, as if it had been set up there."""
    made = Checkout.__new__(Checkout)
    made.path = path
    shutil.copytree(checkout.path, path, symlinks=True)
    made.stamp.write_text(checkout.stamp.read_text().replace(str(checkout.path), str(path)))
    return made


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("scripts") / "a clone of it")
    status, told = made.bootstrap()
    assert status == 0, told
    assert "setting up .venv" in told
    return made


def test_bootstrap_makes_the_commands(checkout: Checkout) -> None:
    assert checkout.hello() == "hello\n"


@pytest.mark.parametrize("python", [sys.executable, ""], ids=["the chosen Python", "the Python of .venv"])
def test_a_second_bootstrap_does_nothing(checkout: Checkout, python: str) -> None:
    before = checkout.version()
    assert checkout.bootstrap(SWARMLAB_PYTHON=python, PATH="/usr/bin:/bin") == (0, "")
    assert checkout.version() == before


def test_what_tests_need_is_added_and_stays(checkout: Checkout, tmp_path: Path) -> None:
    made = copy(checkout, tmp_path / "clone")
    learners = made.stamp.read_text()
    status, told = made.bootstrap("--dev")
    assert (status, "adding what tests and checks need" in told) == (0, True)
    everything = made.stamp.read_text()
    assert everything != learners
    for arguments in ((), ("--dev",)):
        assert made.bootstrap(*arguments) == (0, "")
        assert made.stamp.read_text() == everything
    (made.path / "pyproject.toml").write_text(PROJECT + "# changed again\n")
    assert made.bootstrap() == (0, "")
    assert made.bootstrap("--dev") == (0, "")


def test_misleading_variables_change_nothing(checkout: Checkout, tmp_path: Path) -> None:
    before = checkout.version()
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    assert checkout.bootstrap(PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere") == (0, "")
    assert checkout.version() == before


def test_a_changed_project_is_installed_again_into_the_same_venv(checkout: Checkout) -> None:
    kept = checkout.path / ".venv" / "kept"
    kept.touch()
    before = checkout.stamp.read_text()
    (checkout.path / "pyproject.toml").write_text(PROJECT + "# changed\n")
    assert checkout.bootstrap(PIP_TARGET="/nowhere", PIP_USER="1") == (0, "")
    assert checkout.stamp.read_text() != before
    assert kept.exists()
    assert checkout.hello() == "hello\n"


def test_without_a_stamp_all_is_built_anew_though_two_start_at_once(checkout: Checkout) -> None:
    """So it is after a set-up that was killed, here while an older .venv was being deleted."""
    left = checkout.path / ".venv" / "left"
    left.touch()
    checkout.stamp.unlink()
    (checkout.path / ".venv" / "pyvenv.cfg").unlink()
    both = [checkout.start(SWARMLAB_PYTHON=""), checkout.start(SWARMLAB_PYTHON="")]
    told = [process.communicate(timeout=100)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sum("setting up .venv" in text for text in told) == 1, told
    assert sum("waiting for it" in text for text in told) == 1, told
    assert not left.exists()
    assert checkout.hello() == "hello\n"


def stop_half_way(made: Checkout, stop: signal.Signals) -> tuple[int, str]:
    """Start a set-up and send it a signal while it installs the project; its exit status and what it told."""
    os.mkfifo(made.path / "hold")
    process = made.start()
    with (made.path / "hold").open():
        # The backend has opened its end of the pipe.
        process.send_signal(stop)
        told = process.communicate(timeout=100)[1]
    (made.path / "hold").unlink()
    return process.returncode, told


def test_an_interrupted_bootstrap_says_so_and_the_next_run_ends_it(checkout: Checkout) -> None:
    (checkout.path / "pyproject.toml").write_text(PROJECT + "# changed again\n")
    status, told = stop_half_way(checkout, signal.SIGINT)
    assert status == 130, told
    assert told == "swarmlab: set-up interrupted; the next run ends it or starts it afresh.\n"
    before = checkout.version()
    assert checkout.bootstrap() == (0, "")
    assert checkout.version() != before
    assert checkout.hello() == "hello\n"


def test_a_killed_bootstrap_and_a_moved_checkout_are_mended_by_the_next_run(checkout: Checkout, tmp_path: Path) -> None:
    moved = Checkout.__new__(Checkout)
    moved.path = tmp_path / "moved"
    shutil.copytree(checkout.path, moved.path, symlinks=True)
    assert stop_half_way(moved, signal.SIGKILL)[0] == -signal.SIGKILL
    status, told = moved.bootstrap()
    assert status == 0, told
    assert moved.hello() == "hello\n"
    assert str(moved.path) in moved.stamp.read_text()
    assert moved.bootstrap() == (0, "")


def python_that(folder: Path, answer: str) -> str:
    """A PATH on which every Python answers the script's question in the same way."""
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14", "python"):
        executable(folder / name, f"#!/bin/sh\n{answer}\n")
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("exit 3", "no Python 3.11 or newer was found"),
        ("exit 127", "no Python 3.11 or newer was found"),
        ("echo 3.11; exit 4", "sudo apt install python3.11-venv"),
        ("echo 3.13; exit 4", "sudo apt install python3.13-venv"),
    ],
)
def test_without_a_good_python_it_says_what_to_install(tmp_path: Path, answer: str, advice: str) -> None:
    made = Checkout(tmp_path / "clone")
    path = python_that(tmp_path / "bin", answer)
    status, told = made.bootstrap(SWARMLAB_PYTHON="", PATH=path)
    assert status == 1
    assert advice in told
    assert not (made.path / ".venv").exists()


def test_a_chosen_python_that_is_none_is_said(tmp_path: Path) -> None:
    status, told = Checkout(tmp_path / "clone").bootstrap(SWARMLAB_PYTHON="/nowhere/python3")
    assert status == 1
    assert "SWARMLAB_PYTHON is '/nowhere/python3'" in told


def test_packages_that_cannot_be_had_end_in_a_message(tmp_path: Path, checkout: Checkout) -> None:
    made = copy(checkout, tmp_path / "clone")
    (made.path / "constraints-lab.txt").write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")
    status, told = made.bootstrap(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert status == 1
    assert "could not be installed" in told
    assert "Traceback" not in told
    assert not made.stamp.exists()


def pinned(text: str) -> dict[str, list[str]]:
    """The versions of each package in a file of pins; there may be one for each of several platforms."""
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE):
        pins.setdefault(name, []).append(version)
    return pins


def test_learners_get_the_same_versions_and_nothing_of_the_tests() -> None:
    everything = pinned((ROOT / "constraints.txt").read_text())
    learners = pinned((ROOT / "constraints-lab.txt").read_text())
    assert learners.items() <= everything.items()
    assert not {"playwright", "mypy", "pytest", "hypothesis", "ruff"} & learners.keys()


@pytest.mark.parametrize(("file", "extras"), [("constraints.txt", ("lab", "dev")), ("constraints-lab.txt", ("lab",))])
def test_the_pins_have_hashes_fit_the_project_and_name_no_address(file: str, extras: tuple[str, ...]) -> None:
    text = (ROOT / file).read_text()
    assert "://" not in text
    blocks = re.findall(r"^(\S+)==(\S+)(.*(?:\n {4}.*)*)", text, re.MULTILINE)
    assert all("--hash=sha256:" in rest for _, _, rest in blocks)
    pins = pinned(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [line for extra in extras for line in project["optional-dependencies"][extra]]
    for wanted in map(Requirement, [*project["dependencies"], *named]):
        if wanted.name == project["name"]:
            continue
        versions = pins.get(wanted.name.lower(), [])
        assert versions, f"{wanted.name} has no pin: run scripts/lock"
        assert all(wanted.specifier.contains(version) for version in versions), f"{wanted} is not {versions}"


class CI:
    """.ci/run with stand-ins for the scripts it calls, and for the real engines; each writes a line into `told`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = folder / "told"
        (folder / "main" / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci" / "run", folder / "main" / ".ci" / "run")
        executable(folder / "bin" / "id", "#!/bin/sh\necho 0\n")
        self.script("check")
        self.script("test", 'echo "test $SWARMLAB_REAL_ENGINES" >> "$TOLD"; echo "5 passed in 1.00s"')

    def script(self, name: str, does: str = "", status: int = 0) -> None:
        executable(self.folder / "main" / "scripts" / name, f"#!/bin/sh\n{does}\nexit {status}\n")

    def real_engines(self, up: str) -> None:
        there = self.folder / "shared" / "real-engine"
        executable(there / "up", f'#!/bin/sh\necho "up $1" >> "$TOLD"\n{up}\n')
        executable(there / "down", '#!/bin/sh\necho down >> "$TOLD"\n')

    def run(self) -> tuple[int, str, list[str]]:
        done = subprocess.run(
            ["bash", self.folder / "main" / ".ci" / "run"],
            env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "TOLD": str(self.told)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = self.told.read_text().splitlines() if self.told.exists() else []
        return done.returncode, done.stdout + done.stderr, told


@pytest.fixture
def ci(tmp_path: Path) -> CI:
    return CI(tmp_path / "a workplace")


THREE_ENGINES = 'for i in 1 2 3; do echo "node-$i  10.77.0.$i  unix:///real/node-$i.sock"; done'
ENDPOINTS = "unix:///real/node-1.sock,unix:///real/node-2.sock,unix:///real/node-3.sock"


def test_ci_shows_the_suites_closing_line(ci: CI) -> None:
    status, printed, told = ci.run()
    assert (status, told) == (0, ["test "])
    assert printed.endswith("5 passed in 1.00s\n")


def test_ci_lends_real_engines_to_the_suite_and_takes_them_down(ci: CI) -> None:
    ci.real_engines(THREE_ENGINES)
    assert ci.run()[::2] == (0, ["up 3", f"test {ENDPOINTS}", "down"])


def test_ci_takes_real_engines_down_when_the_suite_fails(ci: CI) -> None:
    ci.real_engines(THREE_ENGINES)
    ci.script("test", status=3)
    assert ci.run()[::2] == (1, ["up 3", "down"])


def test_ci_goes_on_without_real_engines_that_do_not_start(ci: CI) -> None:
    ci.real_engines('echo "no bridge in this kernel" >&2; exit 7')
    status, printed, told = ci.run()
    assert (status, told) == (0, ["up 3", "test ", "down"])
    assert "no bridge in this kernel" in printed
    assert "did not start (status 7" in printed


def test_ci_starts_no_real_engines_for_an_ordinary_user(ci: CI) -> None:
    executable(ci.folder / "bin" / "id", "#!/bin/sh\necho 1000\n")
    ci.real_engines(THREE_ENGINES)
    assert ci.run()[::2] == (0, ["test "])


def test_ci_fails_with_the_checks_and_still_runs_the_suite(ci: CI) -> None:
    ci.script("check", status=1)
    assert ci.run()[::2] == (1, ["test "])
