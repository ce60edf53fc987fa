"""docker compose as a plugin of a lab: a launcher that runs the first compose it finds.

A lab has a DOCKER_CONFIG of its own, hence plugins of its own. Where no compose is found the launcher asks
`swarmlab.lab.compose_cli`, which fetches one at the first use; until then nothing is fetched, and a lab starts as fast
as ever. Importing this module is cheap.
"""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from swarmlab.lab.cache import cache_folder
from swarmlab.lab.folder import make_private, write_whole

#: The version that is fetched.
VERSION = "5.6.1"
PLUGIN = "docker-compose"
#: Where the docker command and Homebrew keep plugins for all users, in the docker command's order.
SYSTEM_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
    "/opt/homebrew/lib/docker/cli-plugins",
)
_MARK = "# swarmlab writes this file at every start of the lab.\n"


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Where compose may be, best first: the user's plugins, the machine's, and at last the one that was fetched."""
    home, fetched = environ.get("HOME"), fetched_path(environ)
    folders = [*([f"{home}/.docker/cli-plugins"] if home else []), *SYSTEM_FOLDERS]
    return [*(Path(folder, PLUGIN) for folder in folders), *([fetched] if fetched else [])]


def fetched_path(environ: Mapping[str, str]) -> Path | None:
    """Where a fetched compose is kept; None when there is no place for it."""
    cache = cache_folder(environ)
    return cache / f"docker-compose-{VERSION}" / PLUGIN if cache else None


def place(docker_config: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Give a lab the plugin `docker compose`; it is also the command `docker-compose`. Raises LabError.

    A plugin of that name that the learner has put there is kept.
    """
    plugins = plugin_folder(docker_config)
    make_private(plugins, "the lab's plugins of the docker command")
    plugin = plugins / PLUGIN
    if os.path.lexists(plugin) and not _is_launcher(plugin):
        return
    write_whole(plugin, _launcher(environ), executable=True)


def plugin_folder(docker_config: Path) -> Path:
    """Where the docker command looks for the plugins of a lab."""
    return docker_config / "cli-plugins"


def _launcher(environ: Mapping[str, str]) -> str:
    # The docker command asks every plugin to describe itself, for `docker info` too: that must not fetch anything.
    described = {
        "SchemaVersion": "0.1.0",
        "Vendor": "Docker Inc.",
        "Version": f"v{VERSION}",
        "ShortDescription": "Docker Compose",
    }
    places = " ".join(shlex.quote(str(path)) for path in candidates(environ))
    return f"""\
#!/bin/sh
{_MARK}for compose in {places}; do
    [ ! -f "$compose" ] || [ ! -x "$compose" ] || exec "$compose" "$@"
done
if [ "${{1:-}}" = docker-cli-plugin-metadata ]; then
    echo {shlex.quote(json.dumps(described))}
    exit
fi
exec {shlex.quote(sys.executable)} -I -m swarmlab.lab.compose_cli "$@"
"""


def _is_launcher(plugin: Path) -> bool:
    try:
        with plugin.open("rb") as file:
            return _MARK.encode() in file.read(200)
    except OSError:
        return False
