"""Which published ports of a node answer, moment by moment: evidence that a service was there all the time."""

from swarmlab.clock import Clock
from swarmlab.network import Answers
from swarmlab.objects.local import Port
from swarmlab.store import Kind, Store


class AnswerLog:
    """Keeps one engine's record of what connections to its published ports find.

    It is told of changes by the routing mesh, which may be in the middle of one; what comes of them is written at once
    afterwards, so that a moment nobody can have noticed is none.
    """

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._pending: dict[str, Answers | None] = {}
        self._closed = False

    def begin(self) -> None:
        """The engine starts: nothing answers as yet, whatever did when it was last heard of."""
        known = [port.id for port in self._store.tables.ports]
        if known:
            with self._store.transaction("mesh") as tx:
                for port in known:
                    tx.delete(Kind.PORT, port)

    def note(self, port: int, answers: Answers | None) -> None:
        """Connections to a port find something else from now on; None: nothing."""
        if not self._pending and not self._closed:
            self._clock.call_soon(self._write)
        self._pending[str(port)] = answers

    def close(self) -> None:
        """The lab ends. That is no news about ports: `begin` has it."""
        self._closed = True
        self._pending.clear()

    def _write(self) -> None:
        if self._closed:
            return
        pending, self._pending = self._pending, {}
        ports = self._store.tables.ports
        with self._store.transaction("mesh") as tx:
            for number, answers in pending.items():
                known = ports.get(number)
                if answers is None:
                    if known is not None:
                        tx.delete(Kind.PORT, number)
                elif known is None:
                    tx.create(Kind.PORT, Port(id=number, tasks=answers.tasks, listening=answers.listening))
                elif _told(known) != _told(answers):
                    changed = Port(id=number, version=known.version, created_at=known.created_at, **answers._asdict())
                    tx.update(Kind.PORT, changed)


def _told(found: Port | Answers) -> object:
    """What is worth a transaction: as long as all of them listen it does not matter how many there are."""
    return found.tasks == found.listening or (found.tasks, found.listening)
