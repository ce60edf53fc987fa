"""What happened in a lab, in order: transactions and the commands that people asked in between."""

from collections.abc import Iterable, Iterator

from checker.reads import Read, recognise
from swarmlab.journal.reader import Entry, JournalReader

#: One thing that happened.
Event = Entry | Read


def events(reader: JournalReader) -> Iterator[Event]:
    """Everything in a journal, each command after the transaction that it could see the result of."""
    return merge(reader.entries(), recognise(list(reader.requests())))


def merge(entries: Iterable[Entry], reads: Iterable[Read]) -> Iterator[Event]:
    """Transactions by number, and after each one the commands that were asked before the next."""
    waiting = iter(sorted(reads, key=lambda read: (read.after, read.at)))
    read = next(waiting, None)
    for entry in entries:
        while read is not None and read.after < entry.seq:
            yield read
            read = next(waiting, None)
        yield entry
    if read is not None:
        yield read
    yield from waiting
