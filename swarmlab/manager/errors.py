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


class LeaderAwaitedError(StatusError):
    """Raised when a call must wait for a leader, or for a quorum. Trying again later is all right: nothing was done.

    What it says is what a client hears that has waited for too long.
    """

    def __init__(self) -> None:
        super().__init__(Code.DEADLINE_EXCEEDED, "context deadline exceeded")


def invalid_argument(description: str) -> StatusError:
    """An InvalidArgument error."""
    return StatusError(Code.INVALID_ARGUMENT, description)


def failed_precondition(description: str) -> StatusError:
    """A FailedPrecondition error."""
    return StatusError(Code.FAILED_PRECONDITION, description)


def not_found(description: str) -> StatusError:
    """A NotFound error."""
    return StatusError(Code.NOT_FOUND, description)
