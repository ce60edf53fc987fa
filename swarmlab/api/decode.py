"""Request bodies read as Go's encoding/json reads them, straight into the specs.

Keys match in any case, null means absent, unknown keys are ignored, maps are kept sorted as Go writes them. The first
value of a wrong type is reported with Go's text: the innermost struct's name, the path of fields to it, and the Go type
that was expected.
"""

import base64
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from swarmlab.api.errors import ApiError, bad_request
from swarmlab.objects import Spec
from swarmlab.objects.blob import BlobSpec
from swarmlab.objects.cluster import CAConfig, ClusterSpec, ExternalCA
from swarmlab.objects.container import (
    AppArmorOpts,
    BindOptions,
    ConfigReference,
    ContainerSpec,
    FileTarget,
    HealthConfig,
    Mount,
    SeccompOpts,
    SecretReference,
    TmpfsOptions,
    Ulimit,
    VolumeOptions,
)
from swarmlab.objects.gojson import GoSyntaxError, Number, loads
from swarmlab.objects.network import EndpointSpec, PortConfig
from swarmlab.objects.node import NodeSpec
from swarmlab.objects.requests import (
    IPAM,
    ExecCreateRequest,
    ExecStartRequest,
    IPAMPool,
    NetworkConfigFrom,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkDisconnectRequest,
    VolumeCreateRequest,
    VolumeUpdateRequest,
)
from swarmlab.objects.resources import DeviceMapping, DeviceRequest, ThrottleDevice, WeightDevice
from swarmlab.objects.run import (
    ContainerRequest,
    Empty,
    EndpointIPAMConfig,
    EndpointSettings,
    HostConfig,
    HostPort,
    LogConfig,
    NetworkingConfig,
    RestartPolicy,
    UpdateRequest,
)
from swarmlab.objects.service import RestartPolicy as RestartCondition
from swarmlab.objects.service import TaskSpec
from swarmlab.objects.volume import (
    AccessMode,
    CapacityRange,
    ClusterVolumeSpec,
    Topology,
    TopologyRequirement,
    TypeBlock,
    TypeMount,
    VolumeSecret,
)

S = TypeVar("S", bound=Spec)

#: Go's type of a struct where it is not `swarm.` and the class's own name.
_STRUCTS: dict[type[Spec], str] = {
    BlobSpec: "swarm.SecretSpec",
    ClusterSpec: "swarm.Spec",
    BindOptions: "mount.BindOptions",
    HealthConfig: "container.HealthConfig",
    Mount: "mount.Mount",
    TmpfsOptions: "mount.TmpfsOptions",
    VolumeOptions: "mount.VolumeOptions",
    Ulimit: "units.Ulimit",
    FileTarget: "swarm.SecretReferenceFileTarget",
    ExecCreateRequest: "container.ExecOptions",
    ExecStartRequest: "container.ExecStartOptions",
    IPAM: "network.IPAM",
    IPAMPool: "network.IPAMConfig",
    NetworkConfigFrom: "network.ConfigReference",
    NetworkCreateRequest: "types.NetworkCreateRequest",
    ContainerRequest: "container.CreateRequest",
    Empty: "struct {}",
    EndpointIPAMConfig: "network.EndpointIPAMConfig",
    EndpointSettings: "network.EndpointSettings",
    NetworkConnectRequest: "types.NetworkConnect",
    NetworkDisconnectRequest: "types.NetworkDisconnect",
    HostConfig: "container.HostConfig",
    HostPort: "nat.PortBinding",
    LogConfig: "container.LogConfig",
    NetworkingConfig: "network.NetworkingConfig",
    RestartPolicy: "container.RestartPolicy",
    UpdateRequest: "container.UpdateConfig",
    WeightDevice: "blkiodev.WeightDevice",
    ThrottleDevice: "blkiodev.ThrottleDevice",
    DeviceMapping: "container.DeviceMapping",
    DeviceRequest: "container.DeviceRequest",
    VolumeCreateRequest: "volume.VolumeCreateBody",
    VolumeUpdateRequest: "volume.UpdateOptions",
    **{
        kind: f"volume.{kind.__name__}"
        for kind in (AccessMode, CapacityRange, ClusterVolumeSpec, Topology, TopologyRequirement, TypeBlock, TypeMount)
    },
    VolumeSecret: "volume.Secret",
}
#: Fields whose Go type is not what their Python type suggests.
_FIELDS: dict[tuple[type[Spec], str], str] = {
    (BlobSpec, "data"): "[]uint8",
    (CAConfig, "external_cas"): "[]*swarm.ExternalCA",
    (ExternalCA, "protocol"): "swarm.ExternalCAProtocol",
    (ContainerRequest, "cmd"): "strslice.StrSlice",
    (ContainerRequest, "entrypoint"): "strslice.StrSlice",
    (HostConfig, "cap_add"): "strslice.StrSlice",
    (HostConfig, "cap_drop"): "strslice.StrSlice",
    (HostConfig, "console_size"): "[2]uint",
    (ContainerRequest, "shell"): "strslice.StrSlice",
    (FileTarget, "mode"): "fs.FileMode",
    (TmpfsOptions, "mode"): "fs.FileMode",
    (Mount, "type"): "mount.Type",
    (Mount, "consistency"): "mount.Consistency",
    (BindOptions, "propagation"): "mount.Propagation",
    (ContainerSpec, "isolation"): "container.Isolation",
    (SeccompOpts, "mode"): "swarm.SeccompMode",
    (AppArmorOpts, "mode"): "swarm.AppArmorMode",
    (TaskSpec, "runtime"): "swarm.RuntimeType",
    (RestartCondition, "condition"): "swarm.RestartPolicyCondition",
    (EndpointSpec, "mode"): "swarm.ResolutionMode",
    (PortConfig, "protocol"): "swarm.PortConfigProtocol",
    (PortConfig, "publish_mode"): "swarm.PortConfigPublishMode",
    (NodeSpec, "role"): "swarm.NodeRole",
    (NodeSpec, "availability"): "swarm.NodeAvailability",
    (ContainerSpec, "secrets"): "[]*swarm.SecretReference",
    (ContainerSpec, "configs"): "[]*swarm.ConfigReference",
    (ContainerSpec, "ulimits"): "[]*units.Ulimit",
    (ConfigReference, "file"): "swarm.ConfigReferenceFileTarget",
    (SecretReference, "file"): "swarm.SecretReferenceFileTarget",
}
#: The field of a struct that keeps apart what was given as empty and what was not given.
_GIVEN_EMPTY = "given_empty"
#: A list of strings for which Docker also takes a string.
_STRINGS_OR_ONE = "strslice.StrSlice"
_LIMITS = {
    "int": 63,
    "int64": 63,
    "time.Duration": 63,
    "uint64": 64,
    "uint": 64,
    "uint32": 32,
    "uint16": 16,
    "uint8": 8,
    "fs.FileMode": 32,
}


class _Where(NamedTuple):
    """The innermost struct that is being read, and the fields that lead to the value."""

    struct: str = ""
    path: str = ""


Reader = Callable[[Any, _Where], Any]


def decode(body: bytes, kind: type[S], go_type: str = "") -> S:
    """The body as a spec. `go_type` is its Go type where one class stands for several (`swarm.ConfigSpec`).

    Raises ApiError (400) with Go's text.
    """
    if not body:
        raise bad_request("got EOF while reading request body")
    try:
        value = loads(body.decode("utf-8", "replace"))
    except GoSyntaxError as error:
        raise bad_request(str(error)) from None
    if value is None:
        return kind()
    result: S = _struct(kind, go_type or _go_struct(kind))(value, _Where())
    return result


def _go_struct(kind: type[Spec]) -> str:
    return _STRUCTS.get(kind, f"swarm.{kind.__name__}")


def _mismatch(what: str, go_type: str, where: _Where) -> ApiError:
    target = f"Go struct field {where.struct}.{where.path}" if where.path else "Go value"
    return bad_request(f"json: cannot unmarshal {what} into {target} of type {go_type}")


def _kind_of(value: Any) -> str:
    """What Go calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


@cache
def _struct(kind: type[Spec], go_type: str) -> Reader:
    """A reader of JSON objects into a struct."""
    fields = msgspec.structs.fields(kind)
    # No client says this; it is noted here.
    notes_empty = any(field.name == _GIVEN_EMPTY for field in fields)
    by_name = {field.encode_name: field.name for field in fields if field.name != _GIVEN_EMPTY}
    folded = {encoded.casefold(): encoded for encoded in by_name}
    hints = {field.name: field.type for field in fields}
    # A struct may contain itself only through fields that are read later, so the readers are made when first needed.
    readers: dict[str, Reader] = {}
    short = go_type.rpartition(".")[2]

    def read(value: Any, where: _Where) -> Spec:
        if not isinstance(value, dict):
            raise _mismatch(_kind_of(value), go_type, where)
        found: dict[str, Any] = {}
        for key, inner in value.items():
            encoded = key if key in by_name else folded.get(key.casefold())
            if encoded is None or inner is None:
                continue
            name = by_name[encoded]
            reader = readers.get(name)
            if reader is None:
                reader = readers[name] = _reader(hints[name], _FIELDS.get((kind, name), ""))
            path = f"{where.path}.{encoded}" if where.path else encoded
            found[name] = reader(inner, _Where(short, path))
            if notes_empty and inner in ([], {}):
                found[_GIVEN_EMPTY] = (*found.get(_GIVEN_EMPTY, ()), encoded)
        return kind(**found)

    return read


def _reader(hint: Any, go_type: str) -> Reader:
    """A reader for a field's type; `go_type` overrides the Go type that the hint stands for."""
    hint, declared = _unwrapped(hint)
    go_type = go_type or declared
    if go_type == "[]uint8":
        return _bytes
    if go_type == _STRINGS_OR_ONE:
        return _strings_or_one
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return _list(_reader(item, ""), _zero(item), go_type or _go_name(hint))
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        value = get_args(hint)[1]
        return _map if value is str else _mapping(_reader(value, ""), _zero(value), _go_name(hint))
    if isinstance(hint, type) and issubclass(hint, Spec):
        return _struct(hint, go_type or _go_struct(hint))
    scalars: dict[Any, Callable[[str], Reader]] = {str: _string, bool: _bool, int: _integer, float: _float}
    return scalars[hint](go_type or _go_name(hint))


def _unwrapped(hint: Any) -> tuple[Any, str]:
    """A hint without `| None` and annotations, and the Go type an annotation names."""
    go_type = ""
    while True:
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            hint = next(option for option in get_args(hint) if option is not type(None))
        elif origin is Annotated:
            hint, *annotations = get_args(hint)
            go_type = next((a.extra["go"] for a in annotations if isinstance(a, msgspec.Meta) and a.extra), go_type)
        else:
            return hint, go_type


def _go_name(hint: Any) -> str:
    hint, declared = _unwrapped(hint)
    if declared:
        return declared
    if get_origin(hint) is tuple:
        return f"[]{_go_name(get_args(hint)[0])}"
    if isinstance(hint, type) and issubclass(hint, Spec):
        return _go_struct(hint)
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        return f"map[string]{_go_name(get_args(hint)[1])}"
    return {str: "string", bool: "bool", int: "int64", float: "float32"}[hint]


def _strings_or_one(value: Any, where: _Where) -> tuple[str, ...]:
    """A list of strings, or a single one: what is neither is reported as no string."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(inner is None or isinstance(inner, str) for inner in value):
        raise _mismatch(_kind_of(value), "string", where)
    return tuple(inner or "" for inner in value)


def _mapping(inner: Reader, zero: Any, go_type: str) -> Reader:
    def read(value: Any, where: _Where) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mismatch(_kind_of(value), go_type, where)
        return {key: zero if item is None else inner(item, where) for key, item in sorted(value.items())}

    return read


def _zero(hint: Any) -> Any:
    """What null in an array stands for."""
    hint, _ = _unwrapped(hint)
    return hint() if isinstance(hint, type) else ()


def _string(go_type: str) -> Reader:
    def read(value: Any, where: _Where) -> str:
        if not isinstance(value, str):
            raise _mismatch(_kind_of(value), go_type, where)
        return value

    return read


def _bool(go_type: str) -> Reader:
    def read(value: Any, where: _Where) -> bool:
        if not isinstance(value, bool):
            raise _mismatch(_kind_of(value), go_type, where)
        return value

    return read


def _integer(go_type: str) -> Reader:
    bits = _LIMITS[go_type]
    signed = bits == 63
    lowest = -(1 << 63) if signed else 0

    def read(value: Any, where: _Where) -> int:
        if isinstance(value, Number):
            raise _mismatch(f"number {value.literal}", go_type, where)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _mismatch(_kind_of(value), go_type, where)
        if not lowest <= value < 1 << bits:
            raise _mismatch(f"number {value}", go_type, where)
        return value

    return read


def _float(go_type: str) -> Reader:
    def read(value: Any, where: _Where) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _mismatch(_kind_of(value), go_type, where)
        if abs(value) >= 3.5e38:
            raise _mismatch(f"number {getattr(value, 'literal', value)}", go_type, where)
        # Go writes a whole number without a fraction.
        return int(value) if float(value).is_integer() else float(value)

    return read


def _bytes(value: Any, where: _Where) -> str:
    """Base64, kept as it travels; a list of numbers is bytes too."""
    if isinstance(value, list):
        return base64.b64encode(bytes(_integer("uint8")(0 if item is None else item, where) for item in value)).decode()
    text: str = _string("[]uint8")(value, where)
    text = text.replace("\r", "").replace("\n", "")
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise bad_request(f"illegal base64 data at input byte {_first_illegal(text)}") from None
    return text


def _first_illegal(text: str) -> int:
    """Where base64 that is wrong goes wrong."""
    alphabet = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    body = text.rstrip("=")
    return next((at for at, char in enumerate(body) if char not in alphabet), len(body) // 4 * 4)


def _list(item: Reader, zero: Any, go_type: str) -> Reader:
    def read(value: Any, where: _Where) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _mismatch(_kind_of(value), go_type, where)
        return tuple(zero if inner is None else item(inner, where) for inner in value)

    return read


def _map(value: Any, where: _Where) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _mismatch(_kind_of(value), "map[string]string", where)
    read = _string("string")
    return {read(key, where): "" if inner is None else read(inner, where) for key, inner in sorted(value.items())}
