"""The volumes of one engine: their records, and a folder for each (MB: volume/{service,local})."""

import os
import posixpath
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from swarmlab.engine.container import tmpfs
from swarmlab.engine.container.mounts import is_engine_socket
from swarmlab.engine.errors import EngineError, bad_request, conflict, internal, not_found
from swarmlab.engine.events import Events
from swarmlab.objects.local import ANONYMOUS_LABEL, Container, MountPoint, Volume
from swarmlab.runtime import base
from swarmlab.store import Actor, Kind, Store

DEFAULT_DRIVER = "local"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MODE = re.compile(r"[0-7]{1,4}")
_OPTIONS = frozenset({"type", "o", "device", "size"})
#: Options that make no sense without others.
_NEEDS = {"type": ("device",), "device": ("type",), "o": ("device", "type")}


class Volumes:
    """Owns the records of volumes. What a volume holds is below `folder`/NAME/_data, and outlives the lab's process."""

    def __init__(
        self, engine: str, store: Store, folder: Path, events: Events, engine_socket: Path | None = None
    ) -> None:
        """`engine_socket` is where the engine's own API is served, which containers may mount."""
        self._store = store
        self._engine_socket = engine_socket
        self._folder = folder
        self._events = events
        self._actor = Actor(engine=engine, loop="volumes")

    # --- looking ---------------------------------------------------------------------------------------------------

    def find(self, name: str) -> Volume:
        """A volume by name. Raises EngineError (404)."""
        volume = self._store.tables.volumes.get(name)
        if volume is None:
            raise not_found(f"{f'get {name}'.rstrip()}: no such volume")
        return volume

    def path(self, name: str) -> Path:
        """The folder that holds what is in a volume."""
        return self._folder / name / "_data"

    def users(self, name: str) -> list[str]:
        """The ids of the containers that have it, whether they run or not."""
        return [container.id for container in self._store.tables.containers.by("volume", name)]

    def size(self, name: str) -> int:
        """What its files hold, and the targets of its links, in bytes; a file with two names counts once."""
        sizes: dict[int, int] = {}
        for folder, folders, files in os.walk(self.path(name)):
            for each in (*folders, *files):
                # A program may have taken it away meanwhile.
                with suppress(FileNotFoundError):
                    found = os.lstat(os.path.join(folder, each))
                    if not stat.S_ISDIR(found.st_mode):
                        sizes[found.st_ino] = found.st_size
        return sum(sizes.values())

    def list(self) -> list[Volume]:
        """Every volume, oldest first."""
        return list(self._store.tables.volumes)

    # --- life ------------------------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        driver: str,
        options: Mapping[str, str],
        labels: Mapping[str, str],
        given_empty: tuple[str, ...] = (),
    ) -> Volume:
        """A volume of that name, which may be there already; without a name a new one that is called by 64 digits.

        Raises EngineError (400, 404) with Docker's words.
        """
        if not name:
            name, labels = secrets.token_hex(32), {**labels, ANONYMOUS_LABEL: ""}
        self.check(name, driver, options)
        volume = self._store.tables.volumes.get(name)
        if volume is None:
            # One that was removed while the lab was killed may have left its files.
            shutil.rmtree(self._folder / name, ignore_errors=True)
            with self._store.transaction(self._actor) as tx:
                wanted = Volume(
                    id=name,
                    labels=dict(sorted(labels.items())),
                    options=dict(sorted(options.items())),
                    given_empty=given_empty,
                )
                volume = tx.create(Kind.VOLUME, wanted)
        self._make(name)
        self._publish("create", volume)
        return volume

    def check(self, name: str, driver: str, options: Mapping[str, str]) -> None:
        """Raise EngineError (400, 404) when `create` would."""
        if driver not in {"", DEFAULT_DRIVER}:
            raise not_found(f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')
        if len(name) == 1:
            raise bad_request(
                f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
            )
        if not _NAME.fullmatch(name):
            raise bad_request(
                f'create {name}: "{name}" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            )
        if name in self._store.tables.volumes:
            # It stays as it is, whatever else is asked of it.
            return
        for option in sorted(options):
            if option not in _OPTIONS:
                raise bad_request(f'create {name}: invalid option: "{option}"')
            for needed in _NEEDS.get(option, ()):
                if needed not in options:
                    raise bad_request(f'create {name}: missing required option: "{needed}"')
        if "size" in options:
            raise bad_request(f"create {name}: quota size requested but no quota support")

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume that no container has; with `force` it need not be there. Raises EngineError (404, 409)."""
        volume = self._store.tables.volumes.get(name)
        if volume is None and force:
            return
        volume = self.find(name)
        users = self.users(name)
        if users:
            raise conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
        with self._store.transaction(self._actor) as tx:
            tx.delete(Kind.VOLUME, name)
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self._publish("destroy", volume)

    # --- for containers --------------------------------------------------------------------------------------------

    def ensure(self, mounts: Iterable[MountPoint], *, of_task: bool = False) -> None:
        """Make the volumes that a container wants, all or none. Raises EngineError (400, 404).

        What a task gives any options has come through SwarmKit, which knows no missing maps.
        """
        wanted = [mount for mount in mounts if mount.type == "volume"]
        for mount in wanted:
            self.check(mount.name, mount.driver, _driver_options(mount))
        for mount in wanted:
            options = mount.spec.volume_options
            labels = {**(options.labels if options is not None else {})}
            if mount.anonymous:
                labels[ANONYMOUS_LABEL] = ""
            given = ("Labels", "DriverOpts") if of_task and options is not None else ()
            self.create(mount.name, mount.driver, _driver_options(mount), labels, given)

    def release(self, container: Container) -> None:
        """Remove the anonymous volumes of a container that is gone, but for those that another one has too."""
        for mount in container.mounts:
            if mount.anonymous and mount.name in self._store.tables.volumes and not self.users(mount.name):
                self.remove(mount.name)

    def mounted(self, container: Container) -> tuple[base.Mount, ...]:
        """What the runtime is to mount in a container. Raises EngineError (500)."""
        found = [
            base.Mount(
                target=posixpath.join("/", mount.destination),
                source=self._source(mount),
                read_only=not mount.rw or self._is_read_only(mount),
                copy=mount.copy_data,
                options=tmpfs.of_mount(mount.spec.tmpfs_options) if mount.type == "tmpfs" else (),
                socket=is_engine_socket(mount),
            )
            for mount in container.mounts
            if mount.destination != "/"
        ]
        found += [
            base.Mount(target=target, read_only=_reads_only(options), options=tmpfs.of_run(options))
            for target, options in container.tmpfs.items()
        ]
        return tuple(sorted(found, key=lambda mount: mount.target))

    def prepare(self, container: Container) -> None:
        """A container is about to start: make what it mounts and is not there. Raises EngineError (500)."""
        for mount in container.mounts:
            if mount.type == "volume":
                self._begin(self.find(mount.name), self._make(mount.name))
            if mount.type != "bind" or is_engine_socket(mount) or Path(mount.source).exists():
                continue
            try:
                Path(mount.source).mkdir(parents=True)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise internal(
                    f"error while creating mount source path '{mount.source}': mkdir {mount.source}: {reason}"
                ) from None

    def tell(self, action: str, container: Container) -> None:
        """Volumes of a container were mounted (`mount`) or not any more (`unmount`)."""
        for volume in self._tell_all(action, container):
            if action == "unmount" and _is_tmpfs(volume) and not self._is_mounted(volume.id, container):
                _clear(self.path(volume.id))

    @contextmanager
    def visited(self, container: Container) -> Iterator[None]:
        """While a client looks at a container's files, its volumes are mounted once more (MB: daemon/archive.go)."""
        self._tell_all("mount", container)
        try:
            yield
        finally:
            self._tell_all("unmount", container)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _tell_all(self, action: str, container: Container) -> "Sequence[Volume]":
        """Tell of all volumes of a container; which they are."""
        told = []
        for mount in container.mounts:
            volume = self._store.tables.volumes.get(mount.name)
            if mount.type != "volume" or volume is None:
                continue
            details = {
                "destination": mount.destination,
                "propagation": mount.propagation,
                "read/write": str(mount.rw).lower(),
            }
            self._publish(action, volume, container=container.id, **(details if action == "mount" else {}))
            told.append(volume)
        return told

    def _is_read_only(self, mount: MountPoint) -> bool:
        """Whether nobody writes to a volume, for so it was made."""
        volume = self._store.tables.volumes.get(mount.name) if mount.type == "volume" else None
        return volume is not None and "ro" in volume.options.get("o", "").split(",")

    def _is_mounted(self, name: str, but: Container) -> bool:
        """Whether another container that runs has a volume."""
        users = self._store.tables.containers.by("volume", name)
        return any(user.state.runs for user in users if user.id != but.id)

    def _begin(self, volume: Volume, folder: Path) -> None:
        """A tmpfs has the mode that it was made with, or everybody may write to it."""
        if _is_tmpfs(volume):
            words = dict(word.partition("=")[::2] for word in volume.options.get("o", "").split(","))
            mode = words.get("mode", "")
            folder.chmod((int(mode, 8) if _MODE.fullmatch(mode) else 0o1777) | 0o700)

    def _source(self, mount: MountPoint) -> Path | None:
        if mount.type == "tmpfs":
            return None
        if is_engine_socket(mount):
            # Whatever this machine has there is none of the lab's.
            if self._engine_socket is None:
                raise internal(f"no client can reach this engine, so there is no {mount.source}")
            return self._engine_socket
        if mount.type == "bind":
            return Path(mount.source)
        volume = self.find(mount.name)
        source = self._make(volume.id)
        if volume.options:
            source = _device(volume, source)
        subpath = mount.spec.volume_options.subpath if mount.spec.volume_options is not None else ""
        return source / subpath if subpath else source

    def _make(self, name: str) -> Path:
        path = self.path(name)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise internal(f"error while creating volume root path '{path}': {error.strerror}") from None
        return path

    def _publish(self, action: str, volume: Volume, **extra: str) -> None:
        self._events.publish("volume", action, volume.id, {"driver": volume.driver, **extra})


def _driver_options(mount: MountPoint) -> Mapping[str, str]:
    options = mount.spec.volume_options
    return options.driver_config.options if options is not None and options.driver_config is not None else {}


def _device(volume: Volume, folder: Path) -> Path:
    """Where the files of a volume with options are: a bind is the folder it names, a tmpfs an ordinary one here."""
    kind, device = volume.options.get("type", ""), volume.options.get("device", "")
    if "bind" in volume.options.get("o", "").split(","):
        if not Path(device).is_dir():
            raise _unmounted(folder, f"mount {device}:{folder}, flags: 0x1000: no such file or directory")
        return Path(device)
    if kind != "tmpfs":
        if device.startswith("/") and not Path(device).exists():
            raise _unmounted(folder, f"mount {device}:{folder}: no such file or directory")
        raise _unmounted(folder, f'a file system of type "{kind}" is not available in swarmlab')
    return folder


def _is_tmpfs(volume: Volume) -> bool:
    return volume.options.get("type") == "tmpfs" and "bind" not in volume.options.get("o", "").split(",")


def _clear(folder: Path) -> None:
    """What was in a tmpfs goes when nobody has it any more."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _unmounted(folder: Path, reason: str) -> EngineError:
    return internal(f"error while mounting volume '{folder}': failed to mount local volume: {reason}")


def _reads_only(options: str) -> bool:
    return "ro" in options.split(",")
