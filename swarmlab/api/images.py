"""`/images`: what the catalogue has (MB: daemon/server/router/image)."""

import re
from collections.abc import Callable
from typing import Any

from swarmlab.api.call import Answer, ApiVersion, Call, Route, document
from swarmlab.api.encode import instant, sorted_map
from swarmlab.api.errors import not_found
from swarmlab.api.hostconfig import image_config
from swarmlab.api.query import Filters
from swarmlab.images import Image

_ACCEPTED = ("dangling", "label", "label!", "before", "since", "reference", "until")


def find_image(call: Call, reference: str) -> Image:
    """An image by name or id. Raises ApiError (404)."""
    image = call.engine.images.find(reference)
    if image is None:
        named = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
        raise not_found(f"no such image: {reference}: No such image: {named}")
    return image


def list_images(call: Call) -> Answer:
    """`GET /images/json`, newest first."""
    filters = call.filters(*_ACCEPTED)
    dangling = filters.flag("dangling")
    keeps = _matcher(call, filters)
    found = [] if dangling else [image for image in call.engine.images.images() if keeps(image)]
    return document([summary(call, image, filters) for image in found])


def summary(call: Call, image: Image, filters: Filters | None = None) -> dict[str, Any]:
    """A row of `docker image ls`."""
    tags = [tag for tag in image.tags if filters is None or _names(filters, tag)]
    found: dict[str, Any] = {
        "Containers": -1,
        "Created": image.created // 1_000_000_000,
        "Id": image.id,
        "Labels": sorted_map(image.config.labels) or None,
        "ParentId": "",
        "RepoDigests": [],
        "RepoTags": tags,
        "SharedSize": -1,
        "Size": image.size,
    }
    if call.version < ApiVersion(1, 44):
        found["VirtualSize"] = image.size
    return found


def _matcher(call: Call, filters: Filters) -> Callable[[Image], bool]:
    before = [find_image(call, value).created for value in filters.get("before")]
    since = [find_image(call, value).created for value in filters.get("since")]

    def matches(image: Image) -> bool:
        unwanted = filters.get("label!")
        return (
            all(image.created < instant_ for instant_ in before)
            and all(image.created > instant_ for instant_ in since)
            and filters.labels("label", image.config.labels)
            and not (unwanted and filters.labels("label!", image.config.labels))
            and any(_names(filters, tag) for tag in image.tags)
        )

    return matches


def _names(filters: Filters, tag: str) -> bool:
    """Whether a tag fits the `reference` patterns, in which `*` stops at a slash (Go's path.Match)."""
    patterns = filters.get("reference")
    repository = tag.rpartition(":")[0]
    return not patterns or any(_glob(p).fullmatch(tag) or _glob(p).fullmatch(repository) for p in patterns)


def _glob(pattern: str) -> re.Pattern[str]:
    parts = {"*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in pattern))


def inspect_image(call: Call) -> Answer:
    """`GET /images/{name}/json`."""
    image = find_image(call, call.name)
    found: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.tags),
        "RepoDigests": [],
        "Parent": "",
        "Comment": "",
        "Created": instant(image.created),
        "DockerVersion": "",
        "Author": "",
        "Config": image_config(image.config),
        "Architecture": "amd64",
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": {"Data": None, "Name": "overlay2"},
        "RootFS": {"Type": "layers", "Layers": list(image.layers)},
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
    }
    if call.version < ApiVersion(1, 44):
        found["VirtualSize"] = image.size
    return document(found)


def image_history(call: Call) -> Answer:
    """`GET /images/{name}/history`, the newest layer first."""
    image = find_image(call, call.name)
    rows = [
        {
            "Comment": entry.comment,
            "Created": entry.created // 1_000_000_000,
            "CreatedBy": entry.created_by,
            "Id": image.id if index == 0 else "<missing>",
            "Size": entry.size,
            "Tags": list(image.tags) if index == 0 else None,
        }
        for index, entry in enumerate(reversed(image.history))
    ]
    return document(rows)


ROUTES = (
    Route("GET", "/images/json", list_images),
    Route("GET", "/images/{name*}/json", inspect_image),
    Route("GET", "/images/{name*}/history", image_history),
)
