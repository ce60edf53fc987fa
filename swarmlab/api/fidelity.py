"""Writes docs/fidelity.md: what of Docker is here, from the routes that the server really has.

`python -m swarmlab.api.fidelity > docs/fidelity.md`
"""

import sys
from collections.abc import Iterator, Sequence

from swarmlab.api.server import ROUTES
from swarmlab.api.unavailable import ROUTES as REFUSED

#: What each docker command asks of an engine, its main call first. `docker system info` is the same as `docker info`.
COMMANDS = {
    "docker swarm init": ["POST /swarm/init", "GET /nodes/{name}", "GET /swarm"],
    "docker swarm join": ["POST /swarm/join", "GET /info"],
    "docker swarm join-token": ["GET /swarm", "POST /swarm/update", "GET /info", "GET /nodes/{name}"],
    "docker swarm leave": ["POST /swarm/leave"],
    "docker swarm update": ["POST /swarm/update", "GET /swarm"],
    "docker swarm unlock": ["POST /swarm/unlock", "GET /info"],
    "docker swarm unlock-key": ["GET /swarm/unlockkey"],
    "docker swarm ca": ["GET /swarm", "POST /swarm/update"],
    "docker node ls": ["GET /nodes", "GET /info"],
    "docker node inspect": ["GET /nodes/{name}"],
    "docker node update": ["POST /nodes/{name}/update", "GET /nodes/{name}"],
    "docker node promote, demote": ["POST /nodes/{name}/update", "GET /nodes/{name}"],
    "docker node rm": ["DELETE /nodes/{name}"],
    "docker node ps": ["GET /tasks", "GET /nodes/{name}", "GET /services/{name}"],
    "docker service create": ["POST /services/create", "GET /distribution/{name*}/json", "GET /tasks"],
    "docker service ls": ["GET /services"],
    "docker service ps": ["GET /tasks", "GET /services", "GET /nodes/{name}"],
    "docker service inspect": ["GET /services/{name}"],
    "docker service update, scale, rollback": ["POST /services/{name}/update", "GET /services/{name}"],
    "docker service rm": ["DELETE /services/{name}"],
    "docker service logs": ["GET /services/{name}/logs", "GET /tasks/{name}/logs"],
    "docker stack deploy": [
        "POST /services/create",
        "POST /networks/create",
        "POST /configs/create",
        "POST /secrets/create",
    ],
    "docker stack ls, ps, services, rm": [
        "GET /services",
        "GET /tasks",
        "DELETE /services/{name}",
        "DELETE /networks/{name}",
    ],
    "docker config create, ls, inspect, rm": [
        "POST /configs/create",
        "GET /configs",
        "GET /configs/{name}",
        "DELETE /configs/{name}",
    ],
    "docker secret create, ls, inspect, rm": [
        "POST /secrets/create",
        "GET /secrets",
        "GET /secrets/{name}",
        "DELETE /secrets/{name}",
    ],
    "docker network ls, inspect": ["GET /networks", "GET /networks/{name}"],
    "docker network create, rm": ["POST /networks/create", "DELETE /networks/{name}"],
    "docker network connect, disconnect": ["POST /networks/{name}/connect", "POST /networks/{name}/disconnect"],
    "docker ps, container ls": ["GET /containers/json"],
    "docker container inspect": ["GET /containers/{name}/json"],
    "docker logs": ["GET /containers/{name}/logs"],
    "docker run, create, start": [
        "POST /containers/create",
        "POST /containers/{name}/start",
        "POST /containers/{name}/attach",
    ],
    "docker attach": ["POST /containers/{name}/attach", "POST /containers/{name}/resize"],
    "docker stop, kill, restart, rm": [
        "POST /containers/{name}/stop",
        "POST /containers/{name}/kill",
        "POST /containers/{name}/restart",
        "DELETE /containers/{name*}",
    ],
    "docker wait, rename, update": [
        "POST /containers/{name}/wait",
        "POST /containers/{name}/rename",
        "POST /containers/{name}/update",
    ],
    "docker pause, unpause": ["POST /containers/{name}/pause", "POST /containers/{name}/unpause"],
    "docker container prune": ["POST /containers/prune"],
    "docker exec": ["POST /containers/{name}/exec", "POST /exec/{name}/start"],
    "docker cp": ["GET /containers/{name}/archive", "PUT /containers/{name}/archive"],
    "docker diff, export": ["GET /containers/{name}/changes", "GET /containers/{name}/export"],
    "docker top, stats": ["GET /containers/{name}/top", "GET /containers/{name}/stats"],
    "docker images, image ls": ["GET /images/json"],
    "docker image inspect, history": ["GET /images/{name*}/json", "GET /images/{name*}/history"],
    "docker pull": ["POST /images/create"],
    "docker tag, rmi": ["POST /images/{name*}/tag", "DELETE /images/{name*}"],
    "docker image prune": ["POST /images/prune"],
    "docker save, load": ["GET /images/get", "GET /images/{name*}/get", "POST /images/load"],
    "docker import": ["POST /images/create"],
    "docker commit": ["POST /commit"],
    "docker push": ["POST /images/{name*}/push"],
    "docker search": ["GET /images/search"],
    "docker login": ["POST /auth"],
    "docker build": ["POST /build", "POST /build/cancel"],
    "docker builder prune": ["POST /build/prune"],
    "docker volume ls, inspect": ["GET /volumes", "GET /volumes/{name}"],
    "docker volume create, rm": ["POST /volumes/create", "DELETE /volumes/{name}"],
    "docker volume prune": ["POST /volumes/prune"],
    "docker volume update": ["PUT /volumes/{name}"],
    "docker events": ["GET /events"],
    "docker info, version": ["GET /info", "GET /version"],
    "docker system df": ["GET /system/df"],
    "docker system prune": [
        "POST /containers/prune",
        "POST /networks/prune",
        "POST /volumes/prune",
        "POST /images/prune",
        "POST /build/prune",
    ],
}

_MOUNTS = (
    "a link in a volume cannot be absolute; a file that is bound alone is carried over when a command begins or ends, "
    "and what was written to a read-only one is undone; owners and propagation are not kept; Python writes to a tmpfs "
    "beyond its size; of sockets only the engine's own (/var/run/docker.sock) is mounted: the node's"
)

_NO_HUB = "there is no Docker Hub and no network: Docker's error of such a machine"

_LIMITS = (
    "limits other than of memory are shown, not imposed, but a container has 256 processes at most, half of the "
    "machine's memory, 10 MB in a file and 100 MB in all where its files are in memory, and 1 GB in a file that Python "
    "writes; all files of a lab's volumes and containers on the machine's disk have 2 GB, and leave 1 GB free: "
    "no space is left then (files of Python and PostgreSQL do not grow any more, or these are killed, once that is "
    "noticed, within a second); before the disk or the memory is full the container is killed whose programs have "
    "written or need most"
)

_TRAFFIC = (
    "of UDP and SCTP ports no traffic is carried, published or not; nothing outside of the lab is reached "
    "unless it was started with `--outside`, and then by TCP and ping only, "
    "and containers are reached from this machine by published ports only"
)

#: What is missing of a command whose calls are all served.
MISSING = {
    "docker swarm ca": "no certificate authorities outside of the swarm",
    "docker swarm join": "no leader or a wrong token: refused at once; a real engine tries for ten seconds first",
    "docker service create": f"{_MOUNTS}; {_TRAFFIC}",
    "docker stack deploy": _TRAFFIC,
    "docker network create, rm": "what hangs on an interface (macvlan, ipvlan) reaches other containers only",
    "docker run, create, start": f"{_MOUNTS}; {_LIMITS}; files that were changed in a "
    f"container, and not in a volume, do not outlive the lab's process; {_TRAFFIC}; servers of "
    "`--dns` stand in resolv.conf, and are not asked",
    "docker pause, unpause": "a script stops where it next prints, or comes back from `sleep` and other programs",
    "docker volume update": "for volumes of the cluster only, which stay 'pending creation': there is no plugin",
    "docker top, stats": "the processor time, memory and disk traffic of real programs (nginx, Python, PostgreSQL) "
    "are measured; scripts use none that is counted, and a small program's memory each; what goes through any network "
    "is counted for eth0, ICMP and names are not; `top` shows no times",
    "docker volume create, rm": "volumes of the cluster stay 'pending creation', for there are no CSI plugins; options "
    "of the driver make a bind or a tmpfs only",
    "docker info, version": "what is particular to a machine (drivers, kernel) is left out or a stand-in",
    "docker pull": "images of the catalogue, and of registries that run in the lab",
    "docker system prune": "build cache has nothing to give back",
    "docker save, load": "programs for a processor are kept, not run; the shell's own commands take their places",
    "docker build": "by the classic builder; no BuildKit, nothing from the network",
    "docker import": "from standard input only: there is no network",
    "docker push": f"to registries that run in the lab; {_NO_HUB}",
    "docker search": _NO_HUB,
    "docker login": f"to registries that run in the lab, which ask for no password; {_NO_HUB}",
}

_HEAD = """# How much of Docker is here

This table is generated from the code (`python -m swarmlab.api.fidelity`), and a test keeps it so.
*full*: everything the command asks for is served. *partial*: served, but see the note. *refused*: the engine answers
with Docker's kind of error (501) and says what is not available.

The engines declare API 1.50 (oldest 1.24) and version 28.2.2. Behaviour is compared with a real Docker Engine 20.10.24.
"""


def state_of(command: str, served: set[str]) -> tuple[str, str]:
    """A command's state and note."""
    calls = COMMANDS[command]
    lacking = [call for call in calls if call not in served]
    if calls[0] in lacking:
        return "refused", ""
    if lacking or command in MISSING:
        notes = [MISSING[command]] if command in MISSING else []
        return "partial", "; ".join([*notes, *(f"no `{call}`" for call in lacking)])
    return "full", ""


def lines() -> Iterator[str]:
    """The document, line by line."""
    known = {f"{route.method} {route.path}" for route in ROUTES}
    refused = {f"{route.method} {route.path}" for route in REFUSED}
    served = known - refused
    unknown = sorted({call for calls in COMMANDS.values() for call in calls} - known)
    if unknown:
        raise ValueError(f"no such routes: {', '.join(unknown)}")
    yield _HEAD
    yield from _table(("command", "state", "note"), [(f"`{c}`", *state_of(c, served)) for c in COMMANDS])
    yield ""
    yield "## Endpoints"
    yield ""
    rows = [(f"`{call}`", "served" if call in served else "refused") for call in sorted(known, key=_by_path)]
    yield from _table(("endpoint", "state"), rows)


def _by_path(call: str) -> tuple[str, str]:
    method, _, path = call.partition(" ")
    return path, method


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines())
