"""`POST /build`: images from Dockerfiles, by the classic builder (MB: daemon/server/router/build)."""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from swarmlab.api.call import Answer, Call, Route, Stream, document
from swarmlab.api.errors import ApiError, bad_request, internal, not_available
from swarmlab.api.progress import Message, bar, failure, human_size, messages
from swarmlab.api.pulls import pull_steps
from swarmlab.api.query import parse_int, truthy
from swarmlab.engine import (
    BuildMessage,
    BuildOptions,
    CommandFailedError,
    Downloading,
    EngineError,
    Pulled,
    Said,
    StageBuilt,
)
from swarmlab.objects.gojson import GoSyntaxError, loads
from swarmlab.objects.run import HostConfig

#: What BuildKit's cache may be filtered by.
_CACHE_FILTERS = frozenset(
    {"unused-for", "until", "label", "label!", "id", "parent", "type", "description", "inuse", "shared", "private"}
)
_RED, _PLAIN = "\x1b[91m", "\x1b[0m"


async def build(call: Call) -> Stream:
    """`POST /build`. What is wrong with the request is an answer of its own, all else is said in the stream."""
    asked = options(call)
    archive = await call.upload()
    said = call.engine.builder.build(asked, archive)
    try:
        first = await anext(said)
    except BaseException:
        archive.close()
        raise
    parts = _parts(first, said)
    return replace(messages(_quiet(parts) if call.flag("q") else parts), forget=archive.close)


def cancel(call: Call) -> Answer:
    """`POST /build/cancel`."""
    build_id = call.param("id")
    if not build_id:
        raise internal("build ID not provided")
    call.engine.builder.cancel(build_id)
    return Answer(content_type="application/json")


def prune(call: Call) -> Answer:
    """`POST /build/prune`: the classic builder's cache are the images themselves."""
    _check_space(call.param("keep-storage"))
    unknown = next((key for key in call.filters() if key not in _CACHE_FILTERS), None)
    if unknown is not None:
        raise bad_request(f"failed to prune build cache: Invalid filter '{unknown}'")
    call.engine.events.publish("builder", "prune", "", {"reclaimed": "0"})
    return document({"CachesDeleted": None, "SpaceReclaimed": 0})


def _check_space(kept: str) -> None:
    """Raise ApiError (500) when it is no number of bytes."""
    try:
        if kept:
            parse_int(kept, "strconv.Atoi")
    except ApiError as error:
        raise internal(f"keep-storage is in bytes and expects an integer, got {kept}: {error}") from None


def options(call: Call) -> BuildOptions:
    """What the query asks for. Raises ApiError."""
    if "securityopt" in call.query:
        raise bad_request("The daemon on this platform does not support setting security options on build")
    if call.param("isolation") not in {"", "default"}:
        raise bad_request(f'Unsupported isolation: "{call.param("isolation")}"')
    if call.param("version") == "2":
        raise not_available("building with BuildKit")
    if call.param("version") not in {"", "1"}:
        raise internal(f'invalid version "{call.param("version")}"')
    shm_size = call.param("shmsize")
    if shm_size and not re.fullmatch(r"[+-]?\d+", shm_size, re.ASCII):
        raise internal(f'strconv.ParseInt: parsing "{shm_size}": invalid syntax')
    _json(call, "ulimits", "error reading ulimit settings: ")
    if call.flag("squash"):
        raise bad_request("squash is only supported with experimental mode")
    return BuildOptions(
        dockerfile=call.param("dockerfile"),
        tags=call.query.getall("t", []),
        remote=call.param("remote"),
        target=call.param("target"),
        arguments=_object(call, "buildargs", "build args", optional=True),
        labels=_object(call, "labels", "labels", optional=False),
        no_cache=call.flag("nocache"),
        cache_from=_list(call, "cachefrom"),
        pull=call.flag("pull"),
        remove=truthy(call.param("rm") or "1") or call.flag("forcerm"),
        force_remove=call.flag("forcerm"),
        host=HostConfig(
            network_mode=call.param("networkmode"),
            extra_hosts=tuple(call.query.getall("extrahosts", [])),
            memory=_number(call, "memory"),
            memory_swap=_number(call, "memswap"),
            cpu_shares=_number(call, "cpushares"),
            cpu_period=_number(call, "cpuperiod"),
            cpu_quota=_number(call, "cpuquota"),
            cpuset_cpus=call.param("cpusetcpus"),
            shm_size=_number(call, "shmsize"),
        ),
        build_id=call.param("buildid"),
    )


async def _parts(first: BuildMessage, said: AsyncIterator[BuildMessage]) -> AsyncIterator[Message]:
    """The build as messages, what has gone wrong in the end as the last."""
    async with aclosing(cast(Any, said)):
        try:
            for part in _encoded(first):
                yield part
            async for message in said:
                for part in _encoded(message):
                    yield part
        except EngineError as error:
            if isinstance(error, CommandFailedError):
                yield {"errorDetail": {"code": error.code, "message": str(error)}, "error": str(error)}
            else:
                yield failure(str(error))


async def _quiet(parts: AsyncIterator[Message]) -> AsyncIterator[Message]:
    """The image's id alone, or everything when it went wrong."""
    image_id, held = "", []
    async with aclosing(cast(Any, parts)):
        async for part in parts:
            held.append(part)
            if "aux" in part:
                image_id = part["aux"]["ID"]
    if "error" in held[-1]:
        for part in held:
            yield part
    else:
        yield {"stream": f"{image_id}\n"}


def _encoded(message: BuildMessage) -> list[Message]:
    if isinstance(message, Said):
        return [{"stream": f"{_RED}{message.text}{_PLAIN}" if message.error else message.text}]
    if isinstance(message, StageBuilt):
        return [{"aux": {"ID": message.image_id}}]
    if isinstance(message, Downloading):
        if not message.total:
            shown = f"{human_size(message.current):>8}"
            return [{"status": "Downloading", "progressDetail": {"current": message.current}, "progress": shown}]
        return [bar("Downloading", "", message.current, message.total)]
    assert isinstance(message, Pulled)
    return list(pull_steps(message))


def _object(call: Call, key: str, what: str, *, optional: bool) -> dict[str, Any]:
    """A JSON object of strings, or of strings and nulls."""
    found = _json(call, key, f"error reading {what}: ")
    if not isinstance(found or {}, dict):
        raise bad_request(
            f"error reading {what}: json: cannot unmarshal {_kind(found)} into Go value of type map[string]string"
        )
    for value in (found or {}).values():
        if not isinstance(value, str) and not (optional and value is None):
            raise bad_request(
                f"error reading {what}: json: cannot unmarshal {_kind(value)} into Go value of type string"
            )
    return found or {}


def _list(call: Call, key: str) -> list[str]:
    try:
        found = _json(call, key, "")
    except ApiError as error:
        raise internal(str(error)) from None
    if not isinstance(found or [], list) or not all(isinstance(item, str) for item in found or []):
        raise internal(f"json: cannot unmarshal {_kind(found)} into Go value of type []string")
    return found or []


def _json(call: Call, key: str, prefix: str) -> Any:
    text = call.param(key)
    try:
        return loads(text) if text else None
    except GoSyntaxError as error:
        # Where a text is there as a whole, Go has another word for one that breaks off.
        reason = str(error).replace("unexpected EOF", "unexpected end of JSON input")
        raise bad_request(f"{prefix}{reason}") from None


def _kind(value: object) -> str:
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _number(call: Call, key: str) -> int:
    """A number; 0 for anything else, as the daemon reads it."""
    text = call.param(key)
    return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else 0


ROUTES = (
    Route("POST", "/build", build, upload=True),
    Route("POST", "/build/cancel", cancel),
    Route("POST", "/build/prune", prune),
)
