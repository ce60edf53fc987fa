"""`/images`: names given and taken, images removed (MB: daemon/server/router/image/image_routes.go)."""

from http import HTTPStatus

from swarmlab.api.call import Answer, Call, Route, document
from swarmlab.api.duration import parse_until
from swarmlab.engine import Removed
from swarmlab.images import Image


def tag(call: Call) -> Answer:
    """`POST /images/{name}/tag`."""
    call.engine.images.tag(call.name, call.param("repo"), call.param("tag"))
    return Answer(HTTPStatus.CREATED)


def remove(call: Call) -> Answer:
    """`DELETE /images/{name}`."""
    removed = call.engine.removal.remove(call.name, force=call.flag("force"), prune=not call.flag("noprune"))
    return document([_line(line) for line in removed])


def prune(call: Call) -> Answer:
    """`POST /images/prune`: what has no tag, or with `dangling=false` whatever no container uses."""
    filters = call.filters("dangling", "label", "label!", "until")
    dangling_only = filters.flag("dangling") is not False
    until = parse_until(filters.get("until"), call.engine.clock.now())

    def wanted(image: Image) -> bool:
        unwanted = filters.get("label!")
        return (
            (not until or image.created <= until)
            and filters.labels("label", image.config.labels)
            and not (unwanted and filters.labels("label!", image.config.labels))
        )

    pruned = call.engine.removal.prune(wanted, dangling_only=dangling_only)
    removed = [_line(line) for line in pruned.removed]
    return document({"ImagesDeleted": removed or None, "SpaceReclaimed": pruned.reclaimed})


def _line(line: Removed) -> dict[str, str]:
    return {line.what: line.name}


ROUTES = (
    Route("POST", "/images/{name*}/tag", tag),
    Route("DELETE", "/images/{name*}", remove),
    Route("POST", "/images/prune", prune),
)
