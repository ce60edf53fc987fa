"""The genuine docker command: the one on PATH, else Docker's own static build, fetched once into a cache.

swarmlab writes no docker command of its own. `python -m swarmlab.lab.docker_cli` prints the path of the one to use.
"""

import hashlib
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO
from zlib import error as ZlibError  # noqa: N812 - zlib has no other name for it

from swarmlab.lab.cache import cache_folder

_VERSION_LINE = re.compile(r"Docker version (\d+)\.(\d+)\S*, build ")
_OLDEST = (20, 10)
_LARGEST_BINARY = 200 * 2**20
_CHUNK = 2**18
_TO_INSTALL = (
    "Install the docker command (the engine is not needed):\n"
    "  Debian 13+, Ubuntu:  sudo apt install docker-cli   (older ones: docker.io)\n"
    "  macOS:               brew install docker"
)


class DockerCliError(Exception):
    """Raised when there is no docker command to use and none could be fetched; the text is for the user."""


@dataclass(frozen=True)
class StaticBuild:
    """One of Docker's static builds: a .tgz whose member docker/docker is the command.

    `sha256` is the hexadecimal digest of that member, not of the archive: it is what gets run, and what can be
    compared with an installed copy.
    """

    version: str
    url: str
    sha256: str


# The digest was computed from an installed docker/docker of this very build (28.2.2, build e6534b4, linux/amd64).
LINUX_X86_64 = StaticBuild(
    version="28.2.2",
    url="https://download.docker.com/linux/static/stable/x86_64/docker-28.2.2.tgz",
    sha256="dc43af5e47704ae0c87474731d9b15bea859bffd28c48ed04785642f0ce67b9e",
)


def static_build() -> StaticBuild | None:
    """The static build for this machine, None where there is none whose digest we know."""
    return LINUX_X86_64 if (sys.platform, platform.machine()) == ("linux", "x86_64") else None


def is_usable(command: Path) -> bool:
    """Whether a file is the genuine docker command, 20.10 or newer; Podman's stand-in, say, is not."""
    try:
        asked = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    line = _VERSION_LINE.match(asked.stdout)
    return line is not None and (int(line[1]), int(line[2])) >= _OLDEST


def on_path(path: str) -> Path | None:
    """The first usable docker command in a PATH, None when it has none."""
    for folder in dict.fromkeys(path.split(os.pathsep)):
        command = Path(folder) / "docker"
        if folder and os.access(command, os.X_OK) and command.is_file() and is_usable(command):
            return command.absolute()
    return None


def find_docker(
    environ: Mapping[str, str] = os.environ, build: StaticBuild | None = None, *, fetch: bool = True
) -> Path:
    """The absolute path of the docker command: from PATH, else from the cache, else fetched into the cache.

    `build` is the static build to fetch, by default the one for this machine. Nothing is fetched with `fetch=False`.
    Raises DockerCliError, whose text says what to install.
    """
    if found := on_path(environ.get("PATH", "")):
        return found
    build = build or static_build()
    if build is None:
        message = f"There is no docker command on PATH, and none to fetch for this kind of machine.\n{_TO_INSTALL}"
        raise DockerCliError(message)
    cache = cache_folder(environ)
    if cache is None:
        message = f"Neither XDG_CACHE_HOME nor HOME is set, so there is no cache to fetch docker into.\n{_TO_INSTALL}"
        raise DockerCliError(message)
    command = cache / f"docker-{build.version}" / "docker"
    if not _is_build(command, build):
        if not fetch:
            message = f"There is no docker command on PATH nor in the cache.\n{_TO_INSTALL}"
            raise DockerCliError(message)
        _fetch(build, command)
    return command


def path_with(docker: Path, path: str) -> str:
    """PATH with the folder of the docker command put first, unless `docker` leads there already."""
    for folder in path.split(os.pathsep):
        if folder and os.access(Path(folder) / "docker", os.X_OK):
            if Path(folder).absolute() == docker.parent:
                return path
            break
    return os.pathsep.join(filter(None, (str(docker.parent), path)))


def _is_build(command: Path, build: StaticBuild) -> bool:
    """Whether the file is that very build, still whole."""
    try:
        with command.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == build.sha256
    except OSError:
        return False


def _fetch(build: StaticBuild, command: Path) -> None:
    """Put the build's docker command at `command`, in one step and only when its digest is right."""
    sys.stderr.write(f"swarmlab: no docker command on PATH; fetching docker {build.version} (once, about 80 MB).\n")
    unfinished: Path | None = None
    try:
        command.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=command.parent, prefix="docker-", suffix=".part", delete=False) as file:
            unfinished = Path(file.name)
            # The address is a constant of this module (an https one) or a test's own server.
            with urllib.request.urlopen(build.url, timeout=30) as answer:  # noqa: S310
                digest = _extract(answer, file)
        if digest != build.sha256:
            message = f"{build.url} sent something else (wrong checksum): it was thrown away.\n{_TO_INSTALL}"
            raise DockerCliError(message)
        unfinished.chmod(0o755)
        unfinished.replace(command)
    except (OSError, EOFError, ZlibError, HTTPException, tarfile.TarError) as error:
        message = f"docker {build.version} could not be fetched from {build.url}: {error}.\n{_TO_INSTALL}"
        raise DockerCliError(message) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


def _extract(archive: IO[bytes], target: IO[bytes]) -> str:
    """Copy the member docker/docker of a .tgz that is still being received; its SHA-256.

    Raises tarfile.TarError when the archive ends early, has no such member or one of a size that cannot be right.
    """
    digest = hashlib.sha256()
    with tarfile.open(fileobj=archive, mode="r|gz") as members:
        for member in members:
            if member.name == "docker/docker" and member.isfile() and member.size <= _LARGEST_BINARY:
                content = members.extractfile(member)
                while content is not None and (chunk := content.read(_CHUNK)):
                    digest.update(chunk)
                    target.write(chunk)
                return digest.hexdigest()
    message = "the archive has no docker command"
    raise tarfile.TarError(message)


def main() -> int:
    """Print the path of the docker command to use; 1, and what to install, when there is none."""
    try:
        sys.stdout.write(f"{find_docker()}\n")
    except DockerCliError as error:
        sys.stderr.write(f"swarmlab: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
