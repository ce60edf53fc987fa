"""One of the two engines that commands for containers are played on."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.differential.command import Command
from tests.conformance.differential.normaliser import Names
from tests.conformance.differential.side import NO_ANSWER, Answer, Outcome, Seen, Side
from tests.conformance.normal import rules

from .programs import LASTING, MADE

#: Files that commands name; `ctx` is what images are built of.
FILES = {
    "conf.txt": "hello\n",
    "good.env": "A=1\nB\n# c\nC=x y\n",
    "bad.env": "=x\n",
    "dir/a": "a\n",
    "dir/deep/b": "b\n",
    "ctx/a.txt": "a\n",
    "ctx/b.txt": "b\n",
    "ctx/sub/c": "c\n",
    "ctx/ignored": "x\n",
    "ctx/.dockerignore": "ignored\n",
}
_UNIT = r"(?:second|minute|hour)s?"
_RULES = rules(
    (rf"Up (?:Less than an?|About an?|\d+|an?) {_UNIT}", "Up <time>"),
    (rf"\b(?:\d+|About an?|Less than an?) {_UNIT}(?=$|[ \"])", "<time>"),
    (r"sha256:[0-9a-f]{64}", "<digest>"),
    (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "<hash>"),
    (r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", "<mac>"),
    # Ports that an engine chose itself.
    (r"\b(?:3[2-9]|[45]\d|6[0-5])\d{3}\b", "<port>"),
    (r"\b\d+: eth0@if\d+:", "<n>: eth0@if<n>:"),
    (r"overlay2/\S+?(?=/|\s|$)", "overlay2/<layer>"),
    # 20.10 goes on where it gave the last subnet, 28 takes the lowest that is free.
    (r"\b(?:172\.(?:1[89]|2\d)|192\.168)\.(?=\d)", "<subnet>."),
    (r"\x1b\[\d*m", ""),
    (r"docker-import-\d+", "docker-import-<random>"),
    (r"\.dockerfile\.[0-9a-f]+", ".dockerfile.<random>"),
    (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[notice\] .*", ""),
    # There is no registry: each says so in its own way.
    (
        r"Get \"https://registry-1[^\n]*|pull access denied for \S+ repository does not exist[^\n]*"
        r"|manifest for \S+ not found: manifest unknown: manifest unknown",
        "<no registry>",
    ),
    # What bash says of processes that a command leaves behind.
    (r"(?m)^(?:bash: line \d+:)?\s*\d+ (?:Done|Killed) .*$", ""),
    (r"there are only \d+ CPUs|from 0\.01 to \d+\.00", "<cpus>"),
)
#: What two engines never have in common, by the name of the key.
_FOREIGN = frozenset(
    {
        "Created", "CreatedAt", "Id", "ID", "LogPath", "ResolvConfPath", "HostnamePath", "HostsPath", "Pid",
        "SandboxID", "SandboxKey", "EndpointID", "MacAddress", "AppArmorProfile", "ExecIDs", "NetworkID",
        "ContainerIDFile",
        "LastTagTime", "Containers", "Parent", "Container", "DockerVersion", "GraphDriver",
        # Engine 20.10 still has them.
        "KernelMemory", "KernelMemoryTCP",
    }
)  # fmt: skip
#: Names that an engine gives.
_RANDOM = re.compile(r"[a-z]+_[a-z]+\d?")


def engine_names(fixed: Mapping[str, str]) -> Names:
    """Names for what two engines do not share; `fixed` are those that are known from the start."""
    return Names(fixed, _RULES, _FOREIGN)


class EngineSide(Side):
    """An engine whose first images are those in `archive`, which `docker save` has made."""

    _quiet = 0.5

    def __init__(self, endpoints: Sequence[str], folder: Path, archive: Path) -> None:
        super().__init__(endpoints, folder, FILES)
        self._archive = archive
        self._environment["DOCKER_BUILDKIT"] = "0"
        self._first: str | None = None

    @classmethod
    def pair(cls, ours: Sequence[str], real: Sequence[str], folder: Path) -> tuple[Side, Side]:
        """Both sides; the real engine's images are saved, and become ours."""
        archive = folder / "images.tar"
        sides = cls(ours, folder / "ours", archive), cls(real, folder / "real", archive)
        made = " ".join(MADE)
        sides[1]._shell(f"docker ps -aq | xargs -r docker rm -f; docker rmi -f {made}; docker image prune -f", 1)
        images = sides[1]._images()
        names = " ".join(line.split()[0] for line in images.splitlines())
        sides[1]._output(f"docker save -o {archive} {names}", 1)
        for side in sides:
            side._first = images
        return sides

    def run(self, command: Command) -> Outcome:
        """Run a command. An engine that breaks off in the middle of an answer has stumbled: that is none."""
        outcome = super().run(command)
        return Outcome(NO_ANSWER, "", outcome.err) if "error during connect" in outcome.err else outcome

    def leave(self) -> None:
        """Leave nothing but the images that were there first."""
        self._shell(
            "docker ps -aq | xargs -r docker rm -fv; docker volume ls -q | xargs -r docker volume rm;"
            "docker network ls -q --filter type=custom | xargs -r docker network rm; docker image prune -f",
            1,
        )
        if (images := self._images()) != self._first:
            kept = set((self._first or "").splitlines())
            # What has no name comes without one.
            for line in images.splitlines():
                name, identifier = line.split()
                if line not in kept:
                    self._shell(f"docker rmi -f {identifier if '<none>' in name else name}", 1)
        self._shell("docker image prune -f", 1)
        if self._images() != self._first:
            self._output(f"docker load -qi {self._archive}", 1)
        if self._images() != self._first:
            raise RuntimeError(f"the images are not what they were: {self._images()}")

    def fresh(self) -> None:
        """Make everything as it was, folder included."""
        self.leave()
        self._lay_out()
        (self._folder / "link").symlink_to("conf.txt")
        self._output("docker volume create probe", 1)
        volumes = self._output("docker volume inspect -f {{.Mountpoint}} probe", 1).removesuffix("/probe/_data")
        self._output("docker volume rm probe", 1)
        root, name = self._output("docker info --format '{{.DockerRootDir}} {{.Name}}'", 1).split(" ")
        fixed = {str(self._folder): "<folder>", str(self._sockets[0]): "<socket>", name: "<node>"}
        self.names = engine_names(fixed | {volumes: "<volumes>", root: "<root>"})

    def look(self) -> Seen:
        """Every object as it is inspected, and what was told since the command began."""
        listed = self._ask("/containers/json?all=1&size=1") or []
        containers = [self._ask(f"/containers/{one['Id']}/json") for one in listed]
        images = [self._ask(f"/images/{one['Id']}/json") for one in self._ask("/images/json") or ()]
        networks = [self._ask(f"/networks/{one['Id']}") for one in self._ask("/networks") or ()]
        objects: dict[str, list[Answer]] = {
            "listed": listed,
            "containers": [one for one in containers if one],
            "images": [one for one in images if one],
            "networks": [one for one in networks if one],
            "volumes": (self._ask("/volumes") or {}).get("Volumes") or [],
        }
        seen = Seen(self._ask("/info") or {}, objects, self._events())
        self._learn(seen)
        return seen

    def _learn(self, seen: Seen) -> None:
        found: dict[str, str] = {}
        for kind in ("containers", "networks"):
            found |= {one["Id"]: one["Name"].removeprefix("/") for one in seen.objects[kind]}
        for event in seen.events:
            if event["Type"] == "container":
                found[event["Actor"]["ID"]] = event["Actor"]["Attributes"].get("name", "")
        for identifier, name in found.items():
            if given := _RANDOM.fullmatch(name):
                self.names.call(name, "<random>")
            for raw in (identifier, identifier[:12]):
                self.names.call(raw, "<random>" if given else f"<{name}>")

    def _state(self) -> dict[str, str]:
        state = {}
        for one in self._ask("/containers/json?all=1") or ():
            ends = one["State"] == "running" and not LASTING.search(one["Command"])
            begins = "health: starting" in one["Status"]
            state[_name(one)] = f"{one['Id']} {one['State']} {'passes' if ends or begins else ''}"
        return state

    def _moves(self, value: str) -> bool:
        return value.split(" ", 1)[1] in {"restarting ", "removing "} or value.endswith(" passes")

    def _images(self) -> str:
        """The images' names and identifiers, a line each."""
        lines = self._output("docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'", 1).splitlines()
        return "\n".join(sorted(lines))


def _name(container: Mapping[str, Any]) -> str:
    """A listed container's own name: the others are those of links."""
    return next((name[1:] for name in container["Names"] if "/" not in name[1:]), "")
