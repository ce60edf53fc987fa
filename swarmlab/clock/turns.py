"""Long work in steps, so that thousands of objects can be dealt with and nobody else has to wait for it."""

from collections import deque
from collections.abc import Iterator

from swarmlab.clock.base import Clock


class Turns:
    """Does pieces of work one after the other. A piece is a generator: at each `yield` others have their turn.

    A piece begins within the call of `add` if no other is under way, so work that needs no `yield` is done at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pieces: deque[Iterator[None]] = deque()

    @property
    def busy(self) -> bool:
        """Whether a piece is under way."""
        return bool(self._pieces)

    def add(self, piece: Iterator[None]) -> None:
        """Do this when what was added before is done."""
        self._pieces.append(piece)
        if len(self._pieces) == 1:
            self._go_on()

    def finish(self) -> None:
        """Do now all that is left."""
        while self._pieces:
            for _ in self._pieces[0]:
                pass
            self._pieces.popleft()

    def stop(self) -> None:
        """Leave undone what is left."""
        self._pieces.clear()

    def _go_on(self) -> None:
        while self._pieces:
            piece = self._pieces[0]
            try:
                next(piece)
            except StopIteration:
                self._drop(piece)
            except BaseException:
                # The clock reports it; what comes after is done all the same.
                self._drop(piece)
                self._clock.call_soon(self._go_on)
                raise
            else:
                self._clock.call_soon(self._go_on)
                return

    def _drop(self, piece: Iterator[None]) -> None:
        if self._pieces and self._pieces[0] is piece:
            self._pieces.popleft()
