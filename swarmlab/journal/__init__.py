"""The record of everything that happened in a lab: one SQLite file, written by stores, read by anyone."""

from swarmlab.journal.reader import ChangeRecord, Entry, JournalReader, RequestRecord
from swarmlab.journal.seal import Seal
from swarmlab.journal.writer import Journal, Request

__all__ = ["ChangeRecord", "Entry", "Journal", "JournalReader", "Request", "RequestRecord", "Seal"]
