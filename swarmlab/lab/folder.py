"""Where labs live on disk, and what belongs to one."""

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from swarmlab.lab.errors import LabError
from swarmlab.lab.locks import Lock

DEFAULT_NAME = "default"
#: The longest path that every system accepts for a Unix socket (macOS has 104 bytes with the final zero, Linux 108).
SOCKET_LIMIT = 103
#: So many nodes of a hollow lab have an engine with a socket of its own.
HOLLOW_ENGINES = 9
#: What a client needs to reach a lab over TLS, as the docker command names it.
CLIENT_FILES = ("ca.pem", "cert.pem", "key.pem")
_FORMAT = 1
_LAST_NUMBER = 254
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_LONGEST_SOCKET = "node-99.sock"


class Settings(NamedTuple):
    """What a lab was made with.

    In a `hollow` lab containers do nothing, and only the first nodes have an engine, hence a socket and an entry in
    `node_names`. `speed` is swarm seconds a second, `sockets` the folder of its Unix sockets. `number` tells this
    user's labs apart: from 0, none twice; their nodes' addresses follow from it. `tcp` is where the first node listens
    for TLS, the others on the next ports; None when they do not.
    """

    name: str
    number: int
    nodes: int
    speed: float
    sockets: Path
    hollow: bool = False
    tcp: "tuple[str, int] | None" = None
    #: What dockerd would be told of a node's generic resources and labels, by its name: `gpu=2`, `zone=a`.
    generic_resources: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    engine_labels: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    #: Whether containers start and stop without the time that a real engine needs for that.
    instant: bool = False
    #: Whether containers reach what this machine reaches, and not only each other.
    outside: bool = False

    @property
    def node_names(self) -> list[str]:
        """The names of its nodes that have an engine, in order."""
        engines = min(self.nodes, HOLLOW_ENGINES) if self.hollow else self.nodes
        return [f"node-{number}" for number in range(1, engines + 1)]

    @property
    def without_engine(self) -> int:
        """How many more nodes it has."""
        return self.nodes - len(self.node_names)

    def endpoint(self, node: str) -> str:
        """The value of DOCKER_HOST for a node."""
        return f"unix://{self.socket(node)}"

    def tcp_of(self, node: str) -> tuple[str, int] | None:
        """The address and the port at which a node listens for TLS."""
        return None if self.tcp is None else (self.tcp[0], self.tcp[1] + self.node_names.index(node))

    def tcp_endpoint(self, node: str) -> str | None:
        """The value of DOCKER_HOST for a node over TLS."""
        found = self.tcp_of(node)
        if found is None:
            return None
        return f"tcp://[{found[0]}]:{found[1]}" if ":" in found[0] else f"tcp://{found[0]}:{found[1]}"

    def socket(self, node: str) -> Path:
        """The socket of a node's engine."""
        return self.sockets / f"{node}.sock"

    @property
    def control(self) -> Path:
        """The socket on which the lab itself is asked for its status and so on."""
        return self.sockets / "lab.sock"


class Folder:
    """The folder of one lab. Making this object touches nothing on disk."""

    def __init__(self, home: Path, name: str) -> None:
        self.home = home
        self.name = name
        self.path = home / name
        self.journal = self.path / "journal.sqlite"
        self.key = self.path / "journal.key"
        self.log = self.path / "daemon.log"
        self.lock = self.path / "daemon.lock"
        self.docker_config = self.path / "docker"
        #: What DOCKER_CERT_PATH names, and the engines' own certificate.
        self.certificates = self.path / "tls"
        #: Held by the command that changes the lab; outside the folder, so that the folder can be deleted meanwhile.
        self.command_lock = home / f".{name}.lock"
        self._settings = self.path / "lab.json"

    def exists(self) -> bool:
        """Whether this is a lab's folder."""
        return self._settings.is_file()

    def settings(self) -> Settings:
        """What the lab was made with. Raises LabError when there is no such lab or its file cannot be read."""
        try:
            found: Mapping[str, Any] = json.loads(self._settings.read_text("utf-8"))
            return Settings(
                name=str(found["name"]),
                number=int(found["number"]),
                nodes=int(found["nodes"]),
                speed=float(found["speed"]),
                sockets=Path(found["sockets"]),
                hollow=bool(found.get("hollow", False)),
                tcp=(str(tcp[0]), int(tcp[1])) if (tcp := found.get("tcp")) else None,
                generic_resources=_lists(found.get("generic_resources", {})),
                engine_labels=_lists(found.get("engine_labels", {})),
                instant=bool(found.get("instant", False)),
                outside=bool(found.get("outside", False)),
            )
        except (FileNotFoundError, NotADirectoryError):
            raise LabError(f'There is no lab "{self.name}"; start one with: {up_command(self.name)}') from None
        except PermissionError as error:
            raise LabError(f'The lab "{self.name}" belongs to somebody else: {error}') from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LabError(f"The lab's file {self._settings} cannot be read ({error}).") from None

    def create(
        self,
        nodes: int,
        speed: float,
        *,
        hollow: bool = False,
        generic_resources: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        engine_labels: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> Settings:
        """Make the folder and its settings, or return those that it has. Raises LabError."""
        if self.exists():
            return self.settings()
        make_private(self.home, "swarmlab's folder")
        for left in self.home.glob(f".{self.name}.purged-*"):
            shutil.rmtree(left, ignore_errors=True)
        if self.path.exists() and any(self.path.iterdir()):
            raise LabError(f"{self.path} is not a lab's folder; choose another name, or move it away.")
        make_private(self.path, "the lab's folder")
        with Lock(self.home / ".new.lock"):
            settings = Settings(
                self.name,
                self._free_number(),
                nodes,
                speed,
                self.path / "run",
                hollow,
                generic_resources=generic_resources,
                engine_labels=engine_labels,
            )
            self.write(settings)
        return settings

    def write(self, settings: Settings) -> None:
        """Replace the settings: all of them or, should this process be killed, none."""
        content = {
            "format": _FORMAT,
            "name": settings.name,
            "number": settings.number,
            "nodes": settings.nodes,
            "speed": settings.speed,
            "sockets": str(settings.sockets),
            "hollow": settings.hollow,
            "tcp": settings.tcp,
            "instant": settings.instant,
            "outside": settings.outside,
            "generic_resources": dict(settings.generic_resources),
            "engine_labels": dict(settings.engine_labels),
        }
        write_whole(self._settings, json.dumps(content, indent=2) + "\n")

    def open_sockets(self, settings: Settings) -> Settings:
        """Make the folder for the sockets, elsewhere if the path would be too long; return the settings with it.

        Raises LabError.
        """
        for place in (settings.sockets, self.path / "run", *self._short_places()):
            if _fits(place) and _make_ours(place):
                if place != settings.sockets:
                    settings = settings._replace(sockets=place)
                    self.write(settings)
                return settings
        raise LabError(
            f"No folder for sockets: {self.path} is too long a path for a Unix socket, and neither XDG_RUNTIME_DIR "
            "nor the folder for temporary files can be used; set SWARMLAB_HOME to a shorter path."
        )

    def purge(self) -> None:
        """Delete the lab's folder and its sockets. Raises LabError when it is not a lab's folder."""
        settings = self.settings()
        if self.path.is_symlink() or settings.name != self.name:
            raise LabError(f"{self.path} is not a lab's folder; nothing was deleted.")
        # Under another name first: a deletion that is cut short must not leave half a lab behind.
        doomed = self.home / f".{self.name}.purged-{os.getpid()}"
        remove_sockets(settings)
        self.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _free_number(self) -> int:
        taken = set()
        for other in folders_in(self.home):
            # A lab whose file cannot be read cannot run either.
            with suppress(LabError):
                taken.add(other.settings().number)
        free = next(number for number in range(len(taken) + 1) if number not in taken)
        if free > _LAST_NUMBER:
            raise LabError(
                f"There are {free} labs, more than there are addresses for; purge some: swarmlab down --purge"
            )
        return free

    def _short_places(self) -> list[Path]:
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:10]
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        places = [Path(runtime, f"swarmlab-{digest}")] if os.path.isabs(runtime) else []
        return [*places, Path(tempfile.gettempdir(), f"swarmlab-{os.getuid()}-{digest}")]


def folder(name: str | None = None) -> Folder:
    """The folder of the lab called `name` (by default the one SWARMLAB_LAB names, else "default"). Raises LabError."""
    name = name or os.environ.get("SWARMLAB_LAB") or DEFAULT_NAME
    if not _NAME.fullmatch(name):
        raise LabError(
            f'"{name}" cannot be the name of a lab: use up to 31 lower-case letters, digits and hyphens, '
            "the first one not a hyphen."
        )
    return Folder(home(), name)


def all_folders() -> list[Folder]:
    """The folders of all labs of this user, by name. Raises LabError when there is no home for them."""
    return folders_in(home())


def folders_in(base: Path) -> list[Folder]:
    """The folders of all labs below `base`, by name."""
    try:
        names = sorted(entry.name for entry in base.iterdir() if _NAME.fullmatch(entry.name))
    except OSError:
        return []
    return [found for name in names if (found := Folder(base, name)).exists()]


def home() -> Path:
    """The folder that holds all labs of this user. Raises LabError when the system names none."""
    if chosen := os.environ.get("SWARMLAB_HOME"):
        return Path(chosen).absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        return Path(state, "swarmlab")
    user = os.path.expanduser("~")
    if not os.path.isabs(user):
        raise LabError("This user has no home folder; set SWARMLAB_HOME to a folder that you may write to.")
    return Path(user, ".local", "state", "swarmlab")


def up_command(name: str) -> str:
    """The command that starts a lab, for advice."""
    return "swarmlab up" if name == DEFAULT_NAME else f"swarmlab up --name {name}"


def make_private(path: Path, what: str) -> None:
    """Make a folder that only its owner may enter. Raises LabError when that is not allowed."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"Cannot make {what} {path}: {error.strerror}; set SWARMLAB_HOME to a folder that you may write to."
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise LabError(f"Cannot write to {what} {path}; set SWARMLAB_HOME to a folder that you may write to.")


def write_whole(path: Path, text: str, *, executable: bool = False) -> None:
    """Write a file that others see complete or not at all. Raises LabError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.touch(0o700 if executable else 0o600)
        aside.write_text(text, "utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise LabError(f"Cannot write {path}: {error.strerror}.") from None


def remove_sockets(settings: Settings) -> None:
    """Delete what sockets there are, and their folder if nothing else is in it."""
    for node in settings.node_names:
        settings.socket(node).unlink(missing_ok=True)
    settings.control.unlink(missing_ok=True)
    try:
        settings.sockets.rmdir()
    except OSError:
        return


def _lists(found: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {node: tuple(str(value) for value in values) for node, values in found.items()}


def _fits(place: Path) -> bool:
    return len(os.fsencode(place / _LONGEST_SOCKET)) <= SOCKET_LIMIT


def _make_ours(place: Path) -> bool:
    """Whether the folder is there and nobody else can reach into it. In a shared place somebody may have been first."""
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
