"""An image's configuration as JSON, whose digest is the image's id (MB: image/image.go; OCI image-spec, config.md)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from swarmlab.images.base import HistoryEntry, Image, ImageConfig
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.gojson import loads

_SECOND = 1_000_000_000
#: An image that does not say when it was made.
NEVER = -62135596800 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OMITTED_WHEN_EMPTY = frozenset({"ExposedPorts", "Healthcheck", "StopSignal", "Shell"})


def config_fields(config: ImageConfig) -> dict[str, Any]:
    """A configuration as the Engine API writes it (MB: api/types/container/config.go)."""
    found: dict[str, Any] = {
        "Hostname": config.hostname,
        "Domainname": config.domainname,
        "User": config.user,
        "AttachStdin": config.attach_stdin,
        "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
        "ExposedPorts": {port: {} for port in sorted(config.exposed_ports)},
        "Tty": config.tty,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.stdin_once,
        "Env": list(config.env) or None,
        "Cmd": list(config.cmd) or None,
        "Healthcheck": config.healthcheck,
        "Image": config.image,
        "Volumes": {path: {} for path in sorted(config.volumes)} or None,
        "WorkingDir": config.working_dir,
        "Entrypoint": list(config.entrypoint) or None,
        "OnBuild": list(config.on_build) or None,
        "Labels": dict(sorted(config.labels.items())) or ({} if config.has_no_labels else None),
        "StopSignal": config.stop_signal,
        "Shell": list(config.shell),
    }
    if config.stop_timeout is not None:
        found["StopTimeout"] = config.stop_timeout
    return {key: value for key, value in found.items() if value or key not in _OMITTED_WHEN_EMPTY}


def compose(
    config: ImageConfig,
    *,
    created: int,
    layers: Sequence[str],
    history: Sequence[HistoryEntry],
    author: str = "",
    comment: str = "",
    container: str = "",
    container_config: ImageConfig | None = None,
    docker_version: str = "",
) -> bytes:
    """The JSON of a new image; the same bytes for the same image. `created` is in Unix nanoseconds."""
    found: dict[str, Any] = {
        "architecture": "amd64",
        "author": author,
        "comment": comment,
        "config": config_fields(config),
        "container": container,
        "container_config": None if container_config is None else config_fields(container_config),
        "created": _text(created),
        "docker_version": docker_version,
        "history": [_row(entry) for entry in history],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
    }
    return msgspec.json.encode({key: value for key, value in found.items() if value or key == "history"})


def read(document: bytes) -> Image:
    """The image of a JSON text, without a name, and without its files. Raises ValueError with Docker's words."""
    try:
        raw = loads(document.decode("utf-8", "replace"))
        if not isinstance(raw, dict):
            raise TypeError
        if raw.get("rootfs") is None:
            raise ValueError("invalid image JSON, no RootFS key")
        return Image(
            id="sha256:" + hashlib.sha256(document).hexdigest(),
            document=document,
            config=_config(raw.get("config")),
            created=_instant(raw.get("created")),
            size=0,
            layers=tuple(_strings(raw["rootfs"].get("diff_ids"))),
            history=tuple(_entry(row) for row in raw.get("history") or ()),
            os=_string(raw, "os") or "linux",
            architecture=_string(raw, "architecture"),
            author=_string(raw, "author"),
            comment=_string(raw, "comment"),
            docker_version=_string(raw, "docker_version"),
            container=_string(raw, "container"),
            container_config=_config(raw.get("container_config")),
        )
    except (TypeError, AttributeError, msgspec.ValidationError):
        raise ValueError("json: cannot unmarshal the image's configuration") from None


def _row(entry: HistoryEntry) -> dict[str, Any]:
    found: dict[str, Any] = {
        "created": _text(entry.created),
        "created_by": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
        "empty_layer": entry.empty_layer,
    }
    return {key: value for key, value in found.items() if value}


def _entry(row: Mapping[str, Any]) -> HistoryEntry:
    return HistoryEntry(
        created=_instant(row.get("created")),
        created_by=_string(row, "created_by"),
        comment=_string(row, "comment"),
        author=_string(row, "author"),
        empty_layer=bool(row.get("empty_layer")),
    )


def _config(raw: Any) -> ImageConfig:
    raw = raw or {}
    health = raw.get("Healthcheck")
    return ImageConfig(
        entrypoint=_strings(raw.get("Entrypoint")),
        cmd=_strings(raw.get("Cmd")),
        env=_strings(raw.get("Env")),
        working_dir=_string(raw, "WorkingDir"),
        user=_string(raw, "User"),
        exposed_ports=_strings(list(raw.get("ExposedPorts") or ())),
        labels={str(key): str(value) for key, value in (raw.get("Labels") or {}).items()},
        stop_signal=_string(raw, "StopSignal"),
        healthcheck=msgspec.convert(health, HealthConfig) if health else None,
        volumes=_strings(list(raw.get("Volumes") or ())),
        on_build=_strings(raw.get("OnBuild")),
        shell=_strings(raw.get("Shell")),
        hostname=_string(raw, "Hostname"),
        domainname=_string(raw, "Domainname"),
        attach_stdin=bool(raw.get("AttachStdin")),
        attach_stdout=bool(raw.get("AttachStdout")),
        attach_stderr=bool(raw.get("AttachStderr")),
        tty=bool(raw.get("Tty")),
        open_stdin=bool(raw.get("OpenStdin")),
        stdin_once=bool(raw.get("StdinOnce")),
        image=_string(raw, "Image"),
        stop_timeout=int(raw["StopTimeout"]) if raw.get("StopTimeout") is not None else None,
        has_no_labels=raw.get("Labels") == {},
    )


def _strings(value: Any) -> tuple[str, ...]:
    found = tuple(value or ())
    if isinstance(value, str) or not all(isinstance(item, str) for item in found):
        raise TypeError
    return found


def _string(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key) or ""
    if not isinstance(value, str):
        raise TypeError
    return value


def _text(instant: int) -> str:
    seconds, fraction = divmod(instant, _SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return whole + (f".{fraction:09d}".rstrip("0") if fraction else "") + "Z"


def _instant(text: Any) -> int:
    """RFC 3339 as Unix nanoseconds; NEVER for nothing."""
    if not text:
        return NEVER
    if not isinstance(text, str):
        raise TypeError
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    try:
        moment = datetime.fromisoformat(head + rest[len(digits) :] if dot else text)
    except ValueError:
        raise ValueError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"') from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round((moment - _EPOCH).total_seconds()) * _SECOND + int(digits.ljust(9, "0")[:9] or 0)
