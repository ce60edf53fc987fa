"""`/distribution`: what a registry says of an image. There is none, so only the name can be judged."""

from swarmlab import images
from swarmlab.api.call import Answer, Call, Route
from swarmlab.api.errors import bad_request, internal
from swarmlab.api.registry import unreachable


def inspect_distribution(call: Call) -> Answer:
    """`GET /distribution/{name}/json`. The client then warns that it could not record the digest, and goes on."""
    check_reference(call.name)
    raise internal(unreachable(images.parse_reference(call.name).qualified.partition("/")[0]))


def check_reference(text: str) -> None:
    """Raise ApiError (400) when `text` cannot name an image."""
    try:
        images.check_reference(text)
    except ValueError as error:
        raise bad_request(str(error)) from None


ROUTES = (Route("GET", "/distribution/{name*}/json", inspect_distribution),)
