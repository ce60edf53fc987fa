"""Errors of the control API, as gRPC carries them (`google.golang.org/grpc/status`)."""

from enum import Enum


class Code(Enum):
    """gRPC's status codes, by the names that appear in messages."""

    UNKNOWN = "Unknown"
    INVALID_ARGUMENT = "InvalidArgument"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    NOT_FOUND = "NotFound"
    ALREADY_EXISTS = "AlreadyExists"
    PERMISSION_DENIED = "PermissionDenied"
    FAILED_PRECONDITION = "FailedPrecondition"
    OUT_OF_RANGE = "OutOfRange"
    UNIMPLEMENTED = "Unimplemented"
    INTERNAL = "Internal"
    UNAVAILABLE = "Unavailable"
    UNAUTHENTICATED = "Unauthenticated"


class StatusError(Exception):
    """Raised by the control API. `str()` is the whole text that clients see."""

    def __init__(self, code: Code, description: str) -> None:
        super().__init__(f"rpc error: code = {code.value} desc = {description}")
        self.code = code
        self.description = description


def invalid_argument(description: str) -> StatusError:
    """An InvalidArgument error."""
    return StatusError(Code.INVALID_ARGUMENT, description)


def failed_precondition(description: str) -> StatusError:
    """A FailedPrecondition error."""
    return StatusError(Code.FAILED_PRECONDITION, description)


def not_found(description: str) -> StatusError:
    """A NotFound error."""
    return StatusError(Code.NOT_FOUND, description)
