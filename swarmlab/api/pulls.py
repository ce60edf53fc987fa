"""`POST /images/create`: pulling an image. There is no registry: the catalogue has an image, or nobody has."""

from collections.abc import AsyncIterator
from typing import Any

from swarmlab.api.call import Call, Route, Stream, document
from swarmlab.api.distribution import check_reference
from swarmlab.api.errors import not_available, not_found
from swarmlab.images import parse_reference


def pull(call: Call) -> Stream:
    """Say that the image is there, or what Docker says of one that is nowhere (404)."""
    name, tag = call.param("fromImage"), call.param("tag")
    if not name:
        raise not_available("importing an image")
    text = f"{name}{'@' if ':' in tag else ':'}{tag}" if tag else name
    check_reference(text)
    reference = parse_reference(text)
    image = call.engine.images.find(str(reference))
    if image is None:
        known = {tag.rpartition(":")[0] for image in call.engine.images.images() for tag in image.tags}
        if reference.name in known:
            raise not_found(f"manifest for {reference} not found: manifest unknown: manifest unknown")
        raise not_found(
            f"pull access denied for {reference.name}, repository does not exist or may require 'docker login': "
            "swarmlab has the images of its catalogue only"
        )
    call.engine.events.publish("image", "pull", str(reference), {"name": reference.name})
    repository = reference.name if "/" in reference.name else f"library/{reference.name}"
    steps: list[dict[str, Any]] = [
        {"status": f"Pulling from {repository}", "id": reference.tag},
        {"status": f"Status: Image is up to date for {reference}"},
    ]

    async def parts() -> AsyncIterator[bytes]:
        for step in steps:
            yield document(step).body.rstrip() + b"\r\n"

    return Stream(parts(), "application/json")


ROUTES = (Route("POST", "/images/create", pull),)
