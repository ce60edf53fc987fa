"""`/images`: what the engine has (MB: daemon/server/router/image, daemon/images/images.go)."""

import re
from collections.abc import Callable
from typing import Any

from swarmlab.api import graphdriver
from swarmlab.api.call import Answer, ApiVersion, Call, Route, document
from swarmlab.api.duration import parse_until
from swarmlab.api.encode import instant, sorted_map
from swarmlab.api.errors import ApiError, internal
from swarmlab.api.query import Filters
from swarmlab.engine import EngineError
from swarmlab.images import Image, config_fields

_ACCEPTED = ("dangling", "label", "label!", "before", "since", "reference", "until")
_SECOND = 1_000_000_000
#: The fields of a container's configuration that an image's has not.
_CONTAINER_S = frozenset({
    "Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Image",
})  # fmt: skip


def list_images(call: Call) -> Answer:
    """`GET /images/json`, newest first."""
    filters = call.filters(*_ACCEPTED)
    if call.version < ApiVersion(1, 41) and call.param("filter"):
        filters = filters.adding("reference", call.param("filter"))
    dangling = filters.flag("dangling")
    keeps = _matcher(call, filters)
    images = call.engine.images
    shared = images.usage().shared if call.flag("shared-size") and call.version >= ApiVersion(1, 42) else {}
    rows = []
    for image in images.images():
        has_children = bool(images.store.children(image.id))
        if not keeps(image) or (dangling and (has_children or image.tags)):
            continue
        row = summary(call, image, filters)
        if not row["RepoTags"] and not row["RepoDigests"]:
            if dangling is False or filters.get("reference") or (has_children and not call.flag("all")):
                continue
            if call.version < ApiVersion(1, 43):
                row |= {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}
        if call.version < ApiVersion(1, 43):
            row |= {"RepoTags": row["RepoTags"] or None, "RepoDigests": row["RepoDigests"] or None}
        rows.append({**row, "SharedSize": shared.get(image.id, -1)})
    return document(rows)


def summary(call: Call, image: Image, filters: Filters | None = None) -> dict[str, Any]:
    """A row of `docker image ls`."""
    found: dict[str, Any] = {
        "Containers": -1,
        "Created": image.created // _SECOND,
        "Id": image.id,
        "Labels": sorted_map(image.config.labels) or None,
        "ParentId": image.parent,
        "RepoDigests": [name for name in image.digests if filters is None or _names(filters, name)],
        "RepoTags": [name for name in image.tags if filters is None or _names(filters, name)],
        "SharedSize": -1,
        "Size": image.size,
    }
    if call.version < ApiVersion(1, 44):
        found["VirtualSize"] = image.size
    return found


def _matcher(call: Call, filters: Filters) -> Callable[[Image], bool]:
    before = [call.engine.images.get(value).created for value in filters.get("before")]
    since = [call.engine.images.get(value).created for value in filters.get("since")]
    until = parse_until(filters.get("until"), call.engine.clock.now())

    def matches(image: Image) -> bool:
        unwanted = filters.get("label!")
        return (
            all(image.created < instant_ for instant_ in before)
            and all(image.created > instant_ for instant_ in since)
            and (not until or image.created < until)
            and filters.labels("label", image.config.labels)
            and not (unwanted and filters.labels("label!", image.config.labels))
        )

    return matches


def _names(filters: Filters, name: str) -> bool:
    """Whether a name fits the `reference` patterns, in which `*` stops at a slash (Go's path.Match)."""
    patterns = filters.get("reference")
    repository = name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
    return not patterns or any(_glob(p).fullmatch(name) or _glob(p).fullmatch(repository) for p in patterns)


def _glob(pattern: str) -> re.Pattern[str]:
    """A pattern of Go's path.Match. Raises ApiError (500)."""
    found, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise internal("syntax error in pattern")
            found += f"[{pattern[at:end]}]"
            at = end + 1
        elif char == "\\":
            if at == len(pattern):
                raise internal("syntax error in pattern")
            found += re.escape(pattern[at])
            at += 1
        else:
            found += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
    try:
        return re.compile(found)
    except re.error:
        raise internal("syntax error in pattern") from None


def inspect_image(call: Call) -> Answer:
    """`GET /images/{name}/json`."""
    try:
        image = call.engine.images.get(call.name)
    except EngineError as error:
        raise ApiError(error.status, f"no such image: {call.name}: {error}") from None
    found: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.tags),
        "RepoDigests": list(image.digests),
        "Parent": image.parent,
        "Comment": image.comment,
        "Created": instant(image.created),
        "DockerVersion": image.docker_version,
        "Author": image.author,
        "Config": config_fields(image.config),
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": graphdriver.of_image(image),
        "RootFS": {"Type": "layers", "Layers": list(image.layers)} if image.layers else {"Type": "layers"},
        "Metadata": {"LastTagTime": instant(image.tagged_at)},
    }
    if call.version < ApiVersion(1, 45):
        found |= {"Container": image.container, "ContainerConfig": config_fields(image.container_config)}
    if call.version < ApiVersion(1, 44):
        found["VirtualSize"] = image.size
    if call.version >= ApiVersion(1, 50):
        # What is a container's and not an image's is left out.
        found["Config"] = {name: value for name, value in found["Config"].items() if name not in _CONTAINER_S}
    return document(found)


def image_history(call: Call) -> Answer:
    """`GET /images/{name}/history`, the newest layer first."""
    image = call.engine.images.get(call.name)
    rows: list[dict[str, Any]] = [
        {
            "Comment": entry.comment,
            "Created": entry.created // _SECOND,
            "CreatedBy": entry.created_by,
            "Id": "<missing>",
            "Size": entry.size,
            "Tags": None,
        }
        for entry in reversed(image.history)
    ]
    ancestor: Image | None = image
    for row in rows:
        if ancestor is None:
            break
        row |= {"Id": ancestor.id, "Tags": list(ancestor.tags) or None}
        ancestor = call.engine.images.find(ancestor.parent) if ancestor.parent else None
    return document(rows)


ROUTES = (
    Route("GET", "/images/json", list_images),
    Route("GET", "/images/{name*}/json", inspect_image),
    Route("GET", "/images/{name*}/history", image_history),
)
