"""Images as archives: `docker import`, `save` and `load` (MB: daemon/server/router/image/image_routes.go)."""

from collections.abc import AsyncIterator, Iterator

from swarmlab.api.call import Call, Route, Stream
from swarmlab.api.errors import bad_request
from swarmlab.api.progress import bar, failure, listed, messages
from swarmlab.engine.image.images import familiar
from swarmlab.images import Layer, check_reference


async def import_(call: Call) -> Stream:
    """`POST /images/create?fromSrc=-`: an image of a root file system."""
    repository, tag = call.param("repo"), call.param("tag")
    text = f"{repository}:{tag}" if repository and tag else repository
    name, spelled = None, ""
    if text:
        try:
            name = check_reference(text)
        except ValueError as error:
            raise bad_request(str(error)) from None
        spelled = familiar(name, repository, tag)
        if name.digest:
            raise bad_request("cannot import digest reference")
    if call.param("platform").partition("/")[0] not in {"", "linux"}:
        raise bad_request("operating system is not supported")
    changes = call.query.getall("changes", [])
    with await call.upload() as archive:
        image = await call.engine.images.import_(archive, name, spelled, call.param("message"), changes)
    return messages(listed([{"status": image.id}]))


def save(call: Call) -> Stream:
    """`GET /images/get` and `GET /images/{name}/get`."""
    names = [call.name] if "name" in call.names else call.query.getall("names", [])
    return Stream(_pieces(call.engine.images.save(names)), "application/x-tar")


async def load(call: Call) -> Stream:
    """`POST /images/load`. What is wrong with an archive is said in the stream.

    The images are there before the answer begins: some clients do not read it.
    """
    arrived: list[Layer] = []
    with await call.upload() as archive:
        try:
            said = await call.engine.images.load(archive, arrived.append)
        except ValueError as error:
            return messages(listed([failure(str(error))]))
    layers = [] if call.flag("quiet") else arrived
    progress = [
        bar("Loading layer", layer.id.removeprefix("sha256:")[:12], part, layer.archive_size)
        for layer in layers
        for part in (layer.archive_size // 2, layer.archive_size)
    ]
    return messages(listed([*progress, *({"stream": message} for message in said)]))


async def _pieces(source: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in source:
        yield piece


ROUTES = (
    Route("GET", "/images/get", save),
    Route("GET", "/images/{name*}/get", save),
    Route("POST", "/images/load", load, upload=True),
)
