"""What can go wrong in a transaction, in SwarmKit's words (SK: manager/state/store/memory.go)."""


class StoreError(Exception):
    """Base of the store's errors. The transaction that raised one changed nothing."""

    text = ""

    def __init__(self) -> None:
        super().__init__(self.text)


class AlreadyExistsError(StoreError):
    """Raised when an object with that id exists."""

    text = "object already exists"


class NotExistError(StoreError):
    """Raised when the object to update or delete is gone."""

    text = "object does not exist"


class NameConflictError(StoreError):
    """Raised when another object of the kind has that name (in any case)."""

    text = "name conflicts with an existing object"


class SequenceConflictError(StoreError):
    """Raised when the object was written since the caller read it."""

    text = "update out of sequence"
