"""Everything else that Docker Engine API 1.50 knows: answered with a plain 501 until it is there."""

from swarmlab.api.call import Answer, Call, Handler, Route
from swarmlab.api.errors import not_available

_PATHS = {
    "POST /plugins/create": "creating a plugin",
    "POST /session": "a session with BuildKit",
    "POST /grpc": "a session with BuildKit",
}


def _refuse(what: str) -> Handler:
    def handler(call: Call) -> Answer:
        raise not_available(what)

    return handler


def _route(method_and_path: str, what: str) -> Route:
    method, path = method_and_path.split(" ")
    return Route(method, path, _refuse(what))


ROUTES = tuple(_route(path, what) for path, what in _PATHS.items())
