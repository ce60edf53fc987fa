"""What a container wants mounted, read as Docker reads it (MB: volume/mounts/linux_parser.go, daemon/volumes.go)."""

import posixpath
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from swarmlab.engine.errors import EngineError, bad_request
from swarmlab.objects.base import Driver
from swarmlab.objects.container import BindOptions, Mount, VolumeOptions
from swarmlab.objects.local import Container, MountPoint
from swarmlab.objects.run import HostConfig

_replace = msgspec.structs.replace
_READS = frozenset({"ro", "rw"})
_PROPAGATION = frozenset({"private", "rprivate", "slave", "rslave", "shared", "rshared"})
_DEFAULT_PROPAGATION = "rprivate"
#: What a mode may say, at most one of each group.
_MODES = (
    _READS,
    frozenset({"z", "Z"}),
    _PROPAGATION,
    frozenset({"nocopy"}),
    frozenset({"consistent", "cached", "delegated"}),
)
#: Where every engine's socket is on its own machine (/var/run is a link).
_ENGINE_SOCKETS = frozenset({"/var/run/docker.sock", "/run/docker.sock"})


def mount_points(host: HostConfig, volumes: Iterable[str], find: Callable[[str], Container]) -> tuple[MountPoint, ...]:
    """The mounts of a container: those of other containers, binds, mounts, then a volume for each of `volumes`.

    `find` is asked for the containers of `--volumes-from`. Nothing is made yet. Raises EngineError with Docker's words.
    """
    check_mounts(host)
    found: dict[str, MountPoint] = {}
    for text in host.volumes_from:
        found.update(_from_container(text, find))
    own = set(host.tmpfs)
    for point in (
        *(_parse(text, host.volume_driver) for text in host.binds),
        *(_point(mount) for mount in host.mounts),
    ):
        if point.destination in own:
            raise bad_request(f"Duplicate mount point: {point.destination}")
        own.add(point.destination)
        found[point.destination] = _named(_replace(point, mode=point.mode or "z") if point.type == "volume" else point)
    for target in volumes:
        if (target := posixpath.normpath(target)) not in found and target not in own:
            anonymous = Mount(type="volume", target=target)
            found[target] = _named(_replace(_point(anonymous), driver=host.volume_driver))
    for point in found.values():
        _check_kind(point)
    return tuple(found.values())


def check_mounts(host: HostConfig) -> None:
    """What can be said of mounts without looking at any container. Raises EngineError (400)."""
    for mount in host.mounts:
        _validate(mount, source_exists=True)
    for target in host.tmpfs:
        if wrong := _wrong_target(target):
            raise bad_request(wrong)


def _named(point: MountPoint) -> MountPoint:
    if point.type != "volume":
        return point
    return _replace(point, name=point.name or secrets.token_hex(32), driver=point.driver or "local")


def _from_container(text: str, find: Callable[[str], Container]) -> dict[str, MountPoint]:
    reference, _, mode = text.partition(":")
    if not text:
        raise bad_request("volumes-from specification cannot be an empty string")
    if not reference:
        raise bad_request(f"invalid volumes-from specification: '{text}'")
    if not _valid_mode(mode):
        raise bad_request(f"invalid mode: {mode}")
    return {
        point.destination: _replace(point, rw=point.rw and _writes(mode), mode="", copy_data=False)
        for point in find(reference).mounts
    }


def _parse(text: str, driver: str) -> MountPoint:
    """`SOURCE:TARGET:MODE`, `SOURCE:TARGET` or `TARGET`."""
    wrong = f"invalid volume specification: '{text}'"
    parts = text.split(":")
    if not parts[0] or len(parts) > 3 or (len(parts) == 2 and _valid_mode(parts[1])):
        raise bad_request(wrong)
    mode = parts[2] if len(parts) == 3 else ""
    if not _valid_mode(mode):
        raise bad_request(f"invalid mode: {mode}")
    source, target = parts[:2] if len(parts) > 1 else ("", parts[0])
    words = set(mode.split(","))
    is_bind = source.startswith("/")
    options = None
    if driver and not is_bind:
        options = VolumeOptions(driver_config=Driver(name=driver))
    if "nocopy" in words:
        options = _replace(options or VolumeOptions(), no_copy=True)
    propagation = next(iter(words & _PROPAGATION), "")
    mount = Mount(
        type="bind" if is_bind else "volume",
        source=source,
        target=target,
        read_only=not _writes(mode),
        volume_options=options,
        bind_options=BindOptions(propagation=propagation) if propagation else None,
    )
    try:
        _validate(mount, source_exists=False)
    except EngineError as error:
        raise bad_request(f"{wrong}: {error}") from None
    return _replace(_point(mount), mode=mode)


def _validate(mount: Mount, *, source_exists: bool) -> None:
    reason = _wrong(mount, source_exists=source_exists)
    if reason:
        raise bad_request(f'invalid mount config for type "{mount.type}": {reason}')


def _wrong(mount: Mount, *, source_exists: bool) -> str:
    """What is wrong with a mount; empty when nothing is."""
    if not mount.target:
        return "field Target must not be empty"
    if wrong := _wrong_target(mount.target):
        return wrong
    if mount.type == "bind":
        return _wrong_bind(mount, source_exists=source_exists)
    if mount.type == "volume":
        if mount.bind_options is not None:
            return "field BindOptions must not be specified"
        if not mount.source and mount.read_only:
            return "must not set ReadOnly mode when using anonymous volumes"
        subpath = mount.volume_options.subpath if mount.volume_options is not None else ""
        if subpath and (subpath.startswith("/") or ".." in subpath.split("/")):
            return "subpath must be a relative path within the volume"
        return ""
    if mount.type == "tmpfs":
        if mount.bind_options is not None:
            return "field BindOptions must not be specified"
        return "field Source must not be specified" if mount.source else ""
    return "mount type unknown"


def _wrong_target(target: str) -> str:
    if posixpath.normpath(target) in {"/", "//"}:
        return "invalid specification: destination can't be '/'"
    return "" if target.startswith("/") else _relative(target)


def _wrong_bind(mount: Mount, *, source_exists: bool) -> str:
    if not mount.source:
        return "field Source must not be empty"
    options = mount.bind_options or BindOptions()
    if options.propagation and options.propagation not in _PROPAGATION:
        return f"invalid propagation mode: {options.propagation}"
    if mount.volume_options is not None:
        return "field VolumeOptions must not be specified"
    if not mount.source.startswith("/"):
        return _relative(mount.source)
    exists = posixpath.normpath(mount.source) in _ENGINE_SOCKETS or Path(mount.source).exists()
    if source_exists and not options.create_mountpoint and not exists:
        return f"bind source path does not exist: {mount.source}"
    return ""


def _relative(path: str) -> str:
    return f"invalid mount path: '{path}' mount path must be absolute"


def _point(mount: Mount) -> MountPoint:
    point = MountPoint(
        type=mount.type, destination=posixpath.normpath(mount.target), rw=not mount.read_only, spec=mount
    )
    if mount.type == "volume":
        options = mount.volume_options or VolumeOptions()
        driver = options.driver_config.name if options.driver_config is not None else ""
        return _replace(point, name=mount.source, driver=driver, copy_data=not options.no_copy)
    if mount.type == "bind":
        propagation = mount.bind_options.propagation if mount.bind_options is not None else ""
        source = posixpath.normpath(mount.source)
        return _replace(point, source=source, propagation=propagation or _DEFAULT_PROPAGATION)
    return point


def is_engine_socket(point: MountPoint) -> bool:
    """Whether the engine's own socket is to be mounted: that of the node, and not what this machine has there."""
    return point.type == "bind" and point.source in _ENGINE_SOCKETS


def _check_kind(point: MountPoint) -> None:
    """Any other socket or device of this machine means nothing to programs that are no processes here."""
    if point.type != "bind" or is_engine_socket(point):
        return
    source = Path(point.source)
    strange = source.exists() and not stat.S_ISDIR(mode := source.stat().st_mode) and not stat.S_ISREG(mode)
    if strange or (source.name == "docker.sock" and not source.exists()):
        raise EngineError(501, f"mounting the socket or device {point.source} is not available in swarmlab")


def _writes(mode: str) -> bool:
    return "ro" not in mode.split(",")


def _valid_mode(mode: str) -> bool:
    words = mode.split(",") if mode else []
    groups = [next((group for group in _MODES if word in group), None) for word in words]
    return None not in groups and len(set(groups)) == len(groups)
