"""`/distribution`: what a registry of the lab says of an image. Nobody else can be asked."""

from swarmlab import images
from swarmlab.api.call import Answer, Call, Route, answer
from swarmlab.api.errors import bad_request
from swarmlab.engine.image import transfers


async def inspect_distribution(call: Call) -> Answer:
    """`GET /distribution/{name}/json`. Without an answer the client warns that it could record no digest."""
    check_reference(call.name)
    found, image = await transfers.describe(call.engine.images, images.parse_reference(call.name))
    return answer(
        {
            "Descriptor": {"mediaType": found.media_type, "digest": found.digest, "size": len(found.body)},
            "Platforms": [{"architecture": image.architecture, "os": image.os}],
        }
    )


def check_reference(text: str) -> None:
    """Raise ApiError (400) when `text` cannot name an image."""
    try:
        images.check_reference(text)
    except ValueError as error:
        raise bad_request(str(error)) from None


ROUTES = (Route("GET", "/distribution/{name*}/json", inspect_distribution),)
