"""What goes wrong on the way, and the status and message that a client gets for it (MB: daemon/server/httpstatus)."""

from http import HTTPStatus

from swarmlab.engine import EngineError
from swarmlab.manager.errors import Code, StatusError


class ApiError(Exception):
    """Raised when a request cannot be carried out; the message goes to the client as it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def bad_request(message: str) -> ApiError:
    """The request itself is wrong (400)."""
    return ApiError(HTTPStatus.BAD_REQUEST, message)


def not_found(message: str) -> ApiError:
    """What the request names does not exist (404)."""
    return ApiError(HTTPStatus.NOT_FOUND, message)


def internal(message: str) -> ApiError:
    """What Docker answers with 500 for want of a better class."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, message)


def not_available(what: str) -> ApiError:
    """The Engine API has it, swarmlab does not (501)."""
    return ApiError(HTTPStatus.NOT_IMPLEMENTED, f"{what} is not available in swarmlab yet")


_CODES = {
    Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    Code.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    Code.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}

#: Everything that has a status of its own; any other exception is a fault of ours.
KNOWN = (ApiError, EngineError, StatusError)


def status_of(error: Exception) -> int:
    """The HTTP status of an error: its own, its gRPC code's, else 500."""
    if isinstance(error, StatusError):
        return _CODES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, (ApiError, EngineError)):
        return error.status
    return HTTPStatus.INTERNAL_SERVER_ERROR
