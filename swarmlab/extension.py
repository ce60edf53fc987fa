"""`%load_ext swarmlab`: a notebook's cells talk to a lab, or to engines of the learner's own.

Sets the environment for `!docker` and the docker SDK, starts the lab if it does not run, adds the magic `%node`, and
makes shell lines behave as they do in a terminal (see `swarmlab.widgets.shell`). Where CHECKER_JOURNAL names a
recording of real engines, no lab is started: the docker command talks to what the environment says.
"""

import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from swarmlab.lab import LabError, environment, manage
from swarmlab.lab.docker_cli import DockerCliError, find_docker, path_with
from swarmlab.lab.environ import UNSET, path_to_plugins
from swarmlab.widgets.shell import attach, detach

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: Compose's progress in lines that stay where they are: cells know no cursor movement.
_COMPOSE = {"COMPOSE_PROGRESS": "plain", "COMPOSE_ANSI": "never"}

#: Names a recording of engines that are no lab's; see `checker.source`.
_RECORDING = "CHECKER_JOURNAL"


def load(shell: "InteractiveShell") -> None:
    """Set the notebook up for the lab that SWARMLAB_LAB names, by default "default"."""
    shell.magics_manager.register_function(node, "line", "node")
    attach(shell)
    if recording := os.environ.get(_RECORDING):
        _say(f"No lab: the docker command talks to {_told()}. Checks read the recording {Path(recording).name}.")
        return
    try:
        done = manage.up()
    except LabError as error:
        _say(str(error))
        return
    name = done.settings.name
    _use(name, "node-1")
    for variable, value in _COMPOSE.items():
        os.environ.setdefault(variable, value)
    os.environ["PATH"] = path_to_plugins(Path(os.environ["DOCKER_CONFIG"]), _path(os.environ.get("PATH", "")))
    began = {"new": "A new lab", "started": "The lab", "restored": "After a crash, the lab", "running": "The lab"}
    engines = "1 Docker engine" if done.settings.nodes == 1 else f"{done.settings.nodes} Docker engines"
    _say(f'{began[done.outcome]} "{name}" is running: {engines}. The docker command talks to node-1.')


def node(line: str) -> None:
    """`%node node-2`: let the docker command talk to that node. `%node`: say which one it talks to."""
    chosen = line.strip()
    if os.environ.get(_RECORDING):
        if chosen:
            os.environ["DOCKER_CONTEXT"] = chosen
        _say(f"The docker command talks to {_told()}.")
        return
    if not chosen:
        _say(os.environ.get("DOCKER_HOST", "The docker command talks to no lab: run %reload_ext swarmlab"))
        return
    try:
        _use(None, chosen)
    except LabError as error:
        _say(str(error))
        return
    _say(f"The docker command talks to {chosen}.")


def _told() -> str:
    """Which engine the environment means."""
    return os.environ.get("DOCKER_CONTEXT") or os.environ.get("DOCKER_HOST") or "the engine of this machine"


def unload(shell: "InteractiveShell") -> None:
    """Take back what `load` changed in IPython itself; the environment stays."""
    detach(shell)


def _use(name: str | None, chosen: str) -> None:
    variables = environment(name, chosen)
    for unwanted in UNSET:
        os.environ.pop(unwanted, None)
    os.environ.update(variables)


def _path(path: str) -> str:
    """PATH with the folders of this Python's own commands and of the docker command in it."""
    try:
        path = path_with(find_docker(fetch=False), path)
    except DockerCliError as error:
        _say(str(error))
    own = sysconfig.get_path("scripts")
    return path if own in path.split(os.pathsep) else os.pathsep.join(filter(None, (own, path)))


def _say(text: str) -> None:
    print(text)  # noqa: T201 - the output of a cell
