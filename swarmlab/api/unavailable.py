"""What Docker Engine API 1.50 knows and no lab has: BuildKit, and plugins of one's own."""

from http import HTTPStatus

from swarmlab.api.call import Answer, Call, Handler, Route
from swarmlab.api.errors import ApiError, not_available


def create_plugin(call: Call) -> Answer:
    """`POST /plugins/create`."""
    raise not_available("creating a plugin")


def _no_buildkit(status: int) -> Handler:
    """Docker's refusal of a protocol that it does not speak: for want of BuildKit this is one, `h2c`, more here."""

    def handler(call: Call) -> Answer:
        if not call.upgrade:
            raise ApiError(status, "no upgrade proto in request")
        raise ApiError(status, f"protocol {call.upgrade} not supported")

    return handler


ROUTES = (
    Route("POST", "/plugins/create", create_plugin),
    Route("POST", "/session", _no_buildkit(HTTPStatus.BAD_REQUEST)),
    Route("POST", "/grpc", _no_buildkit(HTTPStatus.INTERNAL_SERVER_ERROR)),
)
