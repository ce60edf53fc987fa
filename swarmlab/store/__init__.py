"""Tables, transactions and watch: the only channel between control loops (SK: manager/state/store)."""

from swarmlab.store.commit import Actor, Change, Commit, Kind
from swarmlab.store.errors import (
    AlreadyExistsError,
    NameConflictError,
    NotExistError,
    SequenceConflictError,
    StoreError,
)
from swarmlab.store.store import Store, Transaction, Watcher
from swarmlab.store.table import Table
from swarmlab.store.tables import Tables

__all__ = [
    "Actor",
    "AlreadyExistsError",
    "Change",
    "Commit",
    "Kind",
    "NameConflictError",
    "NotExistError",
    "SequenceConflictError",
    "Store",
    "StoreError",
    "Table",
    "Tables",
    "Transaction",
    "Watcher",
]
