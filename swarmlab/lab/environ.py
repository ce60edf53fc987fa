"""What a shell, or a notebook, needs in its environment so that the docker command talks to a lab."""

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from swarmlab.lab import compose_plugin
from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import CLIENT_FILES, Folder, Settings, make_private, up_command, write_whole

#: Variables that would lead the docker command elsewhere, or make it speak TLS to a socket.
UNSET = ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")


def environment(where: Folder, settings: Settings, node: str = "node-1", *, tcp: bool = False) -> dict[str, str]:
    """The variables that make `node` the docker command's engine, with `tcp` over TLS.

    Raises LabError when it does not listen for TLS.
    """
    endpoint = settings.tcp_endpoint(node) if tcp else settings.endpoint(node)
    if endpoint is None:
        again = f"swarmlab down --name {where.name}, then {up_command(where.name)} --tcp"
        raise LabError(f'The lab "{where.name}" does not listen at TCP ports. To let it: {again}')
    secure = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(where.certificates)} if tcp else {}
    return {
        "DOCKER_HOST": endpoint,
        **secure,
        "DOCKER_CONFIG": str(where.docker_config),
        "DOCKER_BUILDKIT": "0",
        "SWARMLAB_LAB": where.name,
    }


def path_to_plugins(docker_config: Path, path: str) -> str:
    """PATH with the folder at its end in which the lab has `docker-compose`; a command of the machine's comes first."""
    plugins = str(compose_plugin.plugin_folder(docker_config))
    folders = path.split(os.pathsep)
    return path if plugins in folders else os.pathsep.join(filter(None, (path, plugins)))


def commands(variables: Mapping[str, str], shell: str, present: Mapping[str, str]) -> list[str]:
    """Lines for `shell` (`sh`, `fish` or `powershell`) that set variables, and unset harmful ones that are `present`.

    Raises LabError when the shell is none of these.
    """
    unset = [name for name in UNSET if name in present and name not in variables]
    if shell == "sh":
        return [f"export {k}={shlex.quote(v)}" for k, v in variables.items()] + [f"unset {name}" for name in unset]
    if shell == "fish":
        return [f"set -gx {k} {_fish(v)};" for k, v in variables.items()] + [f"set -e {name};" for name in unset]
    if shell == "powershell":
        return [f"$Env:{k} = {_powershell(v)}" for k, v in variables.items()] + [f"Remove-Item Env:{k}" for k in unset]
    raise LabError(f'No such shell: "{shell}"; there are sh (also for bash and zsh), fish and powershell.')


def write_docker_config(where: Folder, settings: Settings) -> None:
    """Give the lab a Docker configuration of its own, with a context a node, and docker compose.

    What the learner added there is kept.
    """
    meta = where.docker_config / "contexts" / "meta"
    make_private(where.docker_config, "the lab's Docker configuration")
    make_private(meta, "the lab's Docker contexts")
    config = where.docker_config / "config.json"
    if not config.exists():
        # The docker command looks for its plugins (compose, …) beside its configuration, which is not the user's here.
        plugins = Path(os.path.expanduser("~"), ".docker", "cli-plugins")
        write_whole(config, json.dumps({"cliPluginsExtraDirs": [str(plugins)]} if plugins.is_dir() else {}) + "\n")
    compose_plugin.place(where.docker_config)
    for node in settings.node_names:
        _write_context(meta, node, f"{node} of the lab {where.name}", settings.endpoint(node))
        name, secure = f"{node}-tls", settings.tcp_endpoint(node)
        certificates = where.docker_config / "contexts" / "tls" / _digest(name) / "docker"
        if secure is None:
            for gone in (meta / _digest(name), certificates.parent):
                shutil.rmtree(gone, ignore_errors=True)
            continue
        _write_context(meta, name, f"{node} of the lab {where.name}, over TLS", secure)
        make_private(certificates, "the certificates of a Docker context")
        for file in CLIENT_FILES:
            write_whole(certificates / file, (where.certificates / file).read_text())


def _write_context(meta: Path, name: str, description: str, endpoint: str) -> None:
    place = meta / _digest(name)
    content = {
        "Name": name,
        "Metadata": {"Description": description},
        "Endpoints": {"docker": {"Host": endpoint, "SkipTLSVerify": False}},
    }
    make_private(place, "a Docker context")
    write_whole(place / "meta.json", json.dumps(content) + "\n")


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
