"""What a shell, or a notebook, needs in its environment so that the docker command talks to a lab."""

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import Folder, Settings, make_private, write_whole

#: Variables that would lead the docker command elsewhere, or make it speak TLS to a socket.
UNSET = ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")


def environment(where: Folder, settings: Settings, node: str = "node-1") -> dict[str, str]:
    """The variables that make `node` the docker command's engine."""
    return {
        "DOCKER_HOST": settings.endpoint(node),
        "DOCKER_CONFIG": str(where.docker_config),
        "DOCKER_BUILDKIT": "0",
        "SWARMLAB_LAB": where.name,
    }


def commands(variables: Mapping[str, str], shell: str, present: Mapping[str, str]) -> list[str]:
    """Lines for `shell` (`sh`, `fish` or `powershell`) that set variables, and unset harmful ones that are `present`.

    Raises LabError when the shell is none of these.
    """
    unset = [name for name in UNSET if name in present]
    if shell == "sh":
        return [f"export {k}={shlex.quote(v)}" for k, v in variables.items()] + [f"unset {name}" for name in unset]
    if shell == "fish":
        return [f"set -gx {k} {_fish(v)};" for k, v in variables.items()] + [f"set -e {name};" for name in unset]
    if shell == "powershell":
        return [f"$Env:{k} = {_powershell(v)}" for k, v in variables.items()] + [f"Remove-Item Env:{k}" for k in unset]
    raise LabError(f'No such shell: "{shell}"; there are sh (also for bash and zsh), fish and powershell.')


def write_contexts(where: Folder, settings: Settings) -> None:
    """Give the lab a Docker configuration of its own, with a context a node. What the learner added there is kept."""
    meta = where.docker_config / "contexts" / "meta"
    make_private(where.docker_config, "the lab's Docker configuration")
    make_private(meta, "the lab's Docker contexts")
    config = where.docker_config / "config.json"
    if not config.exists():
        # The docker command looks for its plugins (compose, …) beside its configuration, which is not the user's here.
        plugins = Path(os.path.expanduser("~"), ".docker", "cli-plugins")
        write_whole(config, json.dumps({"cliPluginsExtraDirs": [str(plugins)]} if plugins.is_dir() else {}) + "\n")
    for node in settings.node_names:
        place = meta / hashlib.sha256(node.encode()).hexdigest()
        content = {
            "Name": node,
            "Metadata": {"Description": f"{node} of the lab {where.name}"},
            "Endpoints": {"docker": {"Host": settings.endpoint(node), "SkipTLSVerify": False}},
        }
        make_private(place, "a Docker context")
        write_whole(place / "meta.json", json.dumps(content) + "\n")


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
