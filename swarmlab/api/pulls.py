"""`POST /images/create`: pulling an image, and importing one. The catalogue plays the registry."""

from collections.abc import Awaitable, Iterator

from swarmlab.api import imports
from swarmlab.api.call import ApiVersion, Call, Response, Route
from swarmlab.api.distribution import check_reference
from swarmlab.api.errors import internal
from swarmlab.api.progress import Message, bar, listed, messages, step
from swarmlab.engine import Pulled, unreachable
from swarmlab.engine.image import platforms, transfers

#: The API that knows of platforms.
_PLATFORMS = ApiVersion(1, 32)


def create(call: Call) -> Awaitable[Response]:
    """`POST /images/create`: of a registry's image, or of an archive."""
    name, source = call.param("fromImage"), call.param("fromSrc")
    if name:
        return pull(call, name, call.param("tag"))
    if source != "-":
        raise internal(unreachable(source))
    return imports.import_(call)


async def pull(call: Call, name: str, tag: str) -> Response:
    """Fetch what the catalogue, or a registry of the lab, has; else what Docker says of an image that is nowhere."""
    text = f"{name}{'@' if ':' in tag else ':'}{tag}" if tag else name
    wanted = platforms.parse(call.param("platform") if call.version >= _PLATFORMS else "")
    check_reference(text)
    return messages(listed(pull_steps(await transfers.fetch(call.engine.images, text, wanted))))


def pull_steps(pulled: Pulled) -> Iterator[Message]:
    """What is said of a pull."""
    reference = pulled.reference
    path = reference.qualified.partition("/")[2]
    name = f"{reference.qualified}@{reference.digest}" if reference.digest else reference.tag
    yield {"status": f"Pulling from {path}", "id": name}
    names = [(layer, short(pulled.blobs.get(layer.id, layer.id))) for layer in pulled.layers]
    if pulled.is_new:
        for layer, name in names:
            yield step("Pulling fs layer" if layer.id in pulled.missing else "Already exists", name)
        for layer, name in names:
            if layer.id in pulled.missing:
                yield bar("Downloading", name, layer.size // 2, layer.size)
                yield step("Verifying Checksum", name)
                yield step("Download complete", name)
                yield bar("Extracting", name, layer.size, layer.size)
                yield step("Pull complete", name)
    yield {"status": f"Digest: {pulled.digest}"}
    key = reference.key
    yield {
        "status": f"Status: Downloaded newer image for {key}"
        if pulled.is_new
        else f"Status: Image is up to date for {key}"
    }


def short(digest: str) -> str:
    """A digest as it is shown."""
    return digest.removeprefix("sha256:")[:12]


ROUTES = (Route("POST", "/images/create", create, upload=True),)
