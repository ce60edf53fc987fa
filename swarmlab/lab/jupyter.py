"""JupyterLab on the notebooks, with a lab behind it: what scripts/lab runs.

Everything JupyterLab writes of its own goes into the lab's folder; the user's own Jupyter is neither read nor changed.
"""

import argparse
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from swarmlab.lab import jupyter_config, manage
from swarmlab.lab.docker_cli import DockerCliError, find_docker, path_with
from swarmlab.lab.environ import UNSET, environment, path_to_plugins
from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import DEFAULT_NAME, folder

#: How long JupyterLab may take to listen, and to end its kernels, in seconds.
START_LIMIT = 60.0
STOP_LIMIT = 15.0
_LOOK_EVERY = 0.05
_LOG_LINES = 15
#: How often JupyterLab is started when others keep taking the port that it has just found free.
_STARTS = 5


class JupyterError(Exception):
    """Raised when JupyterLab does not start; the text is for the user."""


@dataclass(frozen=True)
class Server:
    """A running JupyterLab. `url` is for a browser and contains the token that lets it in."""

    url: str
    process: subprocess.Popen[bytes]


def surroundings(present: Mapping[str, str], lab: Mapping[str, str], docker: Path, place: Path) -> dict[str, str]:
    """The environment of JupyterLab, and so of its cells and terminals.

    `present` is the user's own, `lab` the lab's variables, `docker` the docker command, `place` where JupyterLab
    writes.
    """
    unwanted = (*UNSET, "PYTHONHOME", "PYTHONPATH")
    kept = {key: value for key, value in present.items() if key not in unwanted and not key.startswith("JUPYTER")}
    commands = Path(sys.executable).parent
    path = path_to_plugins(Path(lab["DOCKER_CONFIG"]), path_with(docker, present.get("PATH", "")))
    return kept | {
        **lab,
        "PATH": os.pathsep.join(filter(None, (str(commands), path))),
        "JUPYTER_CONFIG_DIR": str(place / jupyter_config.CONFIG),
        "JUPYTER_DATA_DIR": str(place / jupyter_config.DATA),
        "JUPYTER_RUNTIME_DIR": str(place / jupyter_config.RUNTIME),
        # In a virtual environment its own kernel would come before that of the folder.
        "JUPYTER_PREFER_ENV_PATH": "0",
        "IPYTHONDIR": str(place / "ipython"),
    }


@contextmanager
def serve(
    notebooks: Path, place: Path, environ: Mapping[str, str], port: int | None = None, first: Path | None = None
) -> Iterator[Server]:
    """Run JupyterLab on a folder of notebooks, and end it with all its kernels and terminals afterwards.

    The server's address opens the notebook `first`, a path in that folder, if there is one. `environ` is what
    `surroundings` made for the same `place`. Raises JupyterError when JupyterLab does not start, LabError when `place`
    cannot be written to.
    """
    jupyter_config.write(place, notebooks, secrets.token_urlsafe(24), port)
    log = place / "jupyter.log"
    for _ in range(_STARTS):
        process = _start(notebooks, environ, log)
        try:
            answered = _await_address(process, place / jupyter_config.RUNTIME)
            if answered is not None:
                address, token = answered
                page = f"lab/tree/{quote(first.as_posix())}" if first and (notebooks / first).is_file() else "lab"
                yield Server(f"{address}{page}?token={token}", process)
                return
        finally:
            _end(process)
        told = log.read_text("utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        # With any port another can take the one that it found free before it listens there itself.
        if port is not None or not any("is already in use" in line for line in told):
            break
    raise JupyterError("\n".join(["JupyterLab did not start. The end of its log:", *told]))


def _start(notebooks: Path, environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches this process only, which then ends JupyterLab in order.
        return subprocess.Popen(
            [sys.executable, "-m", "swarmlab.lab.jupyter_process"],
            env=dict(environ),
            cwd=notebooks,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _await_address(process: subprocess.Popen[bytes], runtime: Path) -> tuple[str, str] | None:
    """The address at which JupyterLab answers, and its token, as soon as it does; None when it does not come to it."""
    described = runtime / f"jpserver-{process.pid}.json"
    waited = 0.0
    while waited < START_LIMIT:
        try:
            found = json.loads(described.read_text("utf-8"))
            if _answers(found["port"], found["token"]):
                return found["url"], found["token"]
        except (OSError, ValueError, HTTPException):
            pass
        try:
            process.wait(_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            waited += _LOOK_EVERY
        else:
            break
    return None


def _answers(port: int, token: str) -> bool:
    """Whether the server on this port is the one that this token is for.

    JupyterLab describes itself a moment before it listens. Until then a browser would be refused, or reach whatever
    took the port in between, such as the JupyterLab of another lab that starts at the same time.
    """
    with closing(HTTPConnection(jupyter_config.HOST, port, timeout=5)) as connection:
        connection.request("GET", "/api/status", headers={"Authorization": f"token {token}"})
        return connection.getresponse().status == HTTPStatus.OK


def _end(process: subprocess.Popen[bytes]) -> None:
    """End JupyterLab, its kernels and its terminals; a second Ctrl-C, or too long a wait, kills it."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


def _has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a browser would be seen; elsewhere Python's webbrowser may start one for text in this terminal."""
    return sys.platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/lab", description="Start a lab, and JupyterLab on its notebooks.")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--name", help="the lab's name (default: SWARMLAB_LAB, else 'default')")
    parser.add_argument("--nodes", type=int, help="how many Docker engines a new lab has (default: 3)")
    parser.add_argument("--speed", type=float, help="how many seconds pass in the swarm in one second (default: 1)")
    parser.add_argument("--port", type=int, help="JupyterLab's port (default: 8888 or the next free one)")
    parser.add_argument("--stop", action="store_true", help="stop the lab too when JupyterLab ends")
    parser.add_argument("--open", type=Path, metavar="NOTEBOOK", help=argparse.SUPPRESS)
    parser.add_argument("--notebooks", type=Path, default=Path("labs"), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start a lab and JupyterLab, stay until JupyterLab ends or is interrupted; the exit status."""
    options = _arguments(arguments)
    # A closed terminal or an orderly end of the session is to leave no JupyterLab behind either.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        return _run(options)
    except (LabError, DockerCliError, JupyterError) as error:
        _say(f"swarmlab: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("\nInterrupted before JupyterLab had started.", sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    notebooks = options.notebooks.absolute()
    docker = find_docker()
    lab = manage.up(options.name, options.nodes, options.speed).settings
    where = folder(lab.name)
    place = where.path / "jupyter"
    name = "" if lab.name == DEFAULT_NAME else f" --name {lab.name}"
    stop = f"{_shown(Path(sys.executable).parent / 'swarmlab')} down{name}"
    after = "the lab stops too" if options.stop else f"the lab goes on until: {stop}"
    engines = "1 Docker engine" if lab.nodes == 1 else f"{lab.nodes} Docker engines"
    status = 0
    environ = surroundings(os.environ, environment(where, lab), docker, place)
    with serve(notebooks, place, environ, options.port, options.open) as jupyter:
        try:
            _say(f'The lab "{lab.name}" runs: {engines}, docker command {docker}.')
            _say(f"JupyterLab is at:\n\n    {jupyter.url}\n\nCtrl-C ends JupyterLab; {after}")
            if not options.no_browser and _has_screen(os.environ):
                # The address itself rather than a file that leads there: browsers in a sandbox cannot read such files.
                webbrowser.open(jupyter.url)
            status = jupyter.process.wait()
        except KeyboardInterrupt:
            _say("\nEnding JupyterLab …")
    if options.stop:
        _say(manage.down(lab.name))
    else:
        _say(f'JupyterLab has ended. The lab "{lab.name}" goes on; to stop it: {stop}')
    return status


def _shown(command: Path) -> str:
    """A command of .venv as the user may type it where they are: the short way in the checkout itself."""
    checkout = command.parent.parent.parent
    return shlex.quote(str(command.relative_to(checkout) if checkout == Path.cwd() else command))


def _say(text: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
