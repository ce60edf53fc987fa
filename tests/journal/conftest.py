"""A journal in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmlab.clock import VirtualClock
from swarmlab.journal import Journal, Seal
from swarmlab.store import Store


class Book:
    """A journal file that can be closed and opened again, and a store that writes into it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.sqlite"
        self.key = folder / "key"
        self.clock = VirtualClock()
        self.journal = Journal(self.path, Seal(self.key))
        self.store = self.fresh()

    def fresh(self, scope: str = "swarm") -> Store:
        """An empty store that writes into the journal."""
        return Store(self.clock, scope, sink=self.journal.append)

    def reopen(self, scope: str = "swarm") -> Store:
        """What a process that begins anew finds."""
        self.journal.close()
        self.journal = Journal(self.path, Seal(self.key))
        self.store = self.fresh(scope)
        self.journal.restore(self.store)
        return self.store

    def bytes(self) -> bytes:
        """All of the file, the part that is not merged yet included."""
        beside = [self.path, *self.path.parent.glob(self.path.name + "-*")]
        return b"".join(file.read_bytes() for file in beside)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = Book(tmp_path)
    yield book
    book.journal.close()
