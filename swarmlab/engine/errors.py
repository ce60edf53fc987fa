"""Errors of an engine itself, with the HTTP status that Docker gives them."""

from http import HTTPStatus


class EngineError(Exception):
    """Raised when an engine cannot do what it was asked; `str()` is the message that clients see."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = int(status)


def unavailable(message: str) -> EngineError:
    """The engine is in no state to answer (503)."""
    return EngineError(HTTPStatus.SERVICE_UNAVAILABLE, message)


def not_found(message: str) -> EngineError:
    """There is no such thing (404)."""
    return EngineError(HTTPStatus.NOT_FOUND, message)


def conflict(message: str) -> EngineError:
    """What was asked does not fit the state that the thing is in (409)."""
    return EngineError(HTTPStatus.CONFLICT, message)


def bad_request(message: str) -> EngineError:
    """What was asked makes no sense (400)."""
    return EngineError(HTTPStatus.BAD_REQUEST, message)


def internal(message: str) -> EngineError:
    """Whatever Docker answers with 500, mostly for want of a better class."""
    return EngineError(HTTPStatus.INTERNAL_SERVER_ERROR, message)
