"""One kind of object with its indices."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from swarmlab.objects import Object

T = TypeVar("T", bound=Object)
IndexFunction = Callable[[T], tuple[Hashable, ...]]
#: Called with an object's new and old form, as `Table.put` is.
Follower = Callable[[T | None, T | None], None]


class Table(Generic[T]):
    """Objects by id, and by the keys that each index function gives them. Read by anyone, written by the store."""

    def __init__(self, **indices: IndexFunction[T]) -> None:
        self._objects: dict[str, T] = {}
        self._functions: Mapping[str, IndexFunction[T]] = indices
        # Dictionaries as ordered sets: readers see objects in the order of creation, so runs repeat exactly.
        self._indices: dict[str, dict[Hashable, dict[str, None]]] = {name: {} for name in indices}
        self._followers: list[Follower[T]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        """All objects, oldest first, unaffected by writes during the iteration."""
        return iter(list(self._objects.values()))

    def __contains__(self, object_id: str) -> bool:
        return object_id in self._objects

    def get(self, object_id: str) -> T | None:
        """The object with that id, if there is one."""
        return self._objects.get(object_id)

    def by(self, index: str, key: Hashable) -> list[T]:
        """The objects to which `index` gives `key`, oldest first."""
        objects = self._objects
        return [objects[i] for i in self._indices[index].get(key, ())]

    def count(self, index: str, key: Hashable) -> int:
        """How many objects `by` would return."""
        return len(self._indices[index].get(key, ()))

    def keys(self, index: str) -> list[Hashable]:
        """The keys in use in an index."""
        return list(self._indices[index])

    def follow(self, follower: Follower[T]) -> Callable[[], None]:
        """Let a reader keep a summary of its own: it is told of all objects, then of every write while it takes place.

        Unlike a watcher it is never behind the table, and must not write. Returns a function that ends it.
        """
        for obj in self._objects.values():
            follower(obj, None)
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def put(self, new: T | None, old: T | None) -> None:
        """Replace `old` by `new`; either may be None. For the store only."""
        if new is None:
            assert old is not None
            del self._objects[old.id]
        else:
            self._objects[new.id] = new
        for name, function in self._functions.items():
            before = function(old) if old is not None else ()
            after = function(new) if new is not None else ()
            if before == after:
                continue
            index = self._indices[name]
            # An object may have a key twice (two references to one config); it is in the index once.
            for key in dict.fromkeys(before):
                members = index[key]
                assert old is not None
                members.pop(old.id, None)
                if not members:
                    del index[key]
            for key in after:
                assert new is not None
                index.setdefault(key, {})[new.id] = None
        for follower in self._followers:
            follower(new, old)
