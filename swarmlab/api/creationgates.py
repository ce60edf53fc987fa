"""Takes out of a request for a container what the client's API version cannot have meant, and refuses what it lacks.

MB: daemon/server/router/container (postContainersCreate, postContainersUpdate).
"""

from typing import Any

import msgspec

from swarmlab.api.call import ApiVersion
from swarmlab.api.errors import bad_request
from swarmlab.objects.container import BindOptions, Mount
from swarmlab.objects.run import ContainerRequest, HostConfig, UpdateRequest

_replace = msgspec.structs.replace
_VOLUME_DRIVER = (
    "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. "
    "Use '--mount type=volume,volume-driver=...' instead"
)


def adjusted(request: ContainerRequest, version: ApiVersion) -> ContainerRequest:
    """The request as a client of that version could have sent it. Raises ApiError (400)."""
    changes: dict[str, Any] = {"host_config": _host(request.host_config, version)}
    if version < ApiVersion(1, 44) and request.healthcheck is not None:
        changes["healthcheck"] = _replace(request.healthcheck, start_interval=0)
    return _replace(request, **changes)


def updated(request: UpdateRequest, version: ApiVersion) -> UpdateRequest:
    """The same for an update."""
    return _replace(request, pids_limit=None) if version < ApiVersion(1, 40) else request


def warnings(request: ContainerRequest, version: ApiVersion) -> list[str]:
    """What newer clients are warned of, which older ones say themselves."""
    host = request.host_config
    if not host.volume_driver or version < ApiVersion(1, 48):
        return []
    driverless = (mount for mount in host.mounts if mount.type == "volume" and not _has_driver(mount))
    return [_VOLUME_DRIVER for _ in driverless][:1]


def _has_driver(mount: Mount) -> bool:
    options = mount.volume_options
    return options is not None and options.driver_config is not None and bool(options.driver_config.name)


def _host(host: HostConfig, version: ApiVersion) -> HostConfig:
    _check_mounts(host.mounts, version)
    changes: dict[str, Any] = {}
    if version < ApiVersion(1, 25):
        # Such a client removes the container itself.
        changes["auto_remove"] = False
    if version < ApiVersion(1, 40) and not host.ipc_mode:
        changes["ipc_mode"] = "shareable"
    if version < ApiVersion(1, 42):
        changes["console_size"] = (0, 0) if host.console_size else ()
        changes["mounts"] = tuple(_without_newer_options(mount, version) for mount in host.mounts)
    if version < ApiVersion(1, 43):
        changes["annotations"] = {}
    return _replace(host, **changes) if changes else host


def _check_mounts(mounts: tuple[Mount, ...], version: ApiVersion) -> None:
    for mount in mounts:
        if version >= ApiVersion(1, 42):
            for kind, name in (("volume", "VolumeOptions"), ("bind", "BindOptions"), ("tmpfs", "TmpfsOptions")):
                if mount.type != kind and getattr(mount, f"{kind}_options") is not None:
                    raise bad_request(f'{name} must not be specified on mount type "{mount.type}"')
        if version < ApiVersion(1, 44) and mount.type == "bind" and _options(mount).read_only_force_recursive:
            raise bad_request("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer")
        if version < ApiVersion(1, 45) and mount.volume_options is not None and mount.volume_options.subpath:
            raise bad_request("VolumeOptions.Subpath needs API v1.45 or newer")
        if version < ApiVersion(1, 48) and mount.type == "image":
            raise bad_request('Mount type "Image" needs API v1.48 or newer')


def _options(mount: Mount) -> BindOptions:
    return mount.bind_options or BindOptions()


def _without_newer_options(mount: Mount, version: ApiVersion) -> Mount:
    if mount.bind_options is None:
        return mount
    newer = {"create_mountpoint": False} | ({"non_recursive": False} if version < ApiVersion(1, 40) else {})
    return _replace(mount, bind_options=_replace(mount.bind_options, **newer))
