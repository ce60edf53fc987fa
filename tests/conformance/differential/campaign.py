"""Playing commands on two sides at once and comparing after each."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .alphabet import Alphabet
from .command import Command
from .comparer import Difference, differences
from .known import unexplained
from .shrink import shrink
from .side import NO_ANSWER, Seen, Side

T = TypeVar("T")
#: How long what moves all the time is waited for after a command that changes no tasks, in seconds.
_SHORT_PATIENCE = 2.0


@dataclass(frozen=True)
class Finding:
    """What differs after a command, and the commands since both sides were new, that one last."""

    number: int
    commands: tuple[Command, ...]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        shown = "\n".join(f"  {d.where}:\n{d}" for d in self.differences)
        commands = "\n".join(f"  $ {command}" for command in self.commands)
        return f"### {self.number}: {self.commands[-1]}\n{shown}\n  after, since they were new:\n{commands}"


class Campaign:
    """Plays commands of an alphabet; `ours` and `real` are endpoints of as many engines, `folder` is one to work in."""

    def __init__(self, alphabet: Alphabet, ours: Sequence[str], real: Sequence[str], folder: Path) -> None:
        self._alphabet = alphabet
        self._ours, self._real = alphabet.sides(ours, real, folder)
        self._pool = ThreadPoolExecutor(2)
        #: What did not stop moving when it was last waited for.
        self._restless: frozenset[str] = frozenset()

    def close(self) -> None:
        """End; the engines have nothing of what commands made."""
        self._both(lambda side: side.leave())
        self._pool.shutdown()

    def run(self, commands: Iterable[Command], tell: Callable[[int, Command], None]) -> Iterable[Finding]:
        """Play commands; after a difference both sides are made anew, so that it has no consequences."""
        self._fresh()
        played: list[Command] = []
        for number, command in enumerate(commands):
            tell(number, command)
            played.append(command)
            found, usable = self._step(command)
            if found:
                yield Finding(number, tuple(played), tuple(found))
            if found or not usable:
                self._fresh()
                played = []

    def shrunk(self, finding: Finding, seconds: float) -> Finding:
        """The finding with as few commands as still lead to differences in the same places; this may take `seconds`."""
        end = time.monotonic() + seconds
        places = {difference.where for difference in finding.differences}
        shown = finding.differences

        def fails(commands: list[Command]) -> bool:
            nonlocal shown
            self._fresh()
            for command in commands[:-1]:
                if time.monotonic() > end:
                    return False
                self._play(command)
            found, _ = self._step(commands[-1])
            if not {difference.where for difference in found} & places:
                return False
            shown = tuple(found)
            return True

        commands = shrink(finding.commands, fails, lambda: time.monotonic() < end)
        self._fresh()
        return Finding(finding.number, tuple(commands), shown)

    def _fresh(self) -> None:
        self._restless = frozenset()
        self._both(lambda side: side.fresh())
        self._both(lambda side: side.prepare(self._alphabet.prelude))

    def _play(self, command: Command) -> None:
        outcomes = self._both(lambda side: side.run(command))
        if command.disturbs and (command.partly or any(outcome.code == 0 for outcome in outcomes)):
            self._both(lambda side: side.settle())

    def _step(self, command: Command) -> tuple[list[Difference], bool]:
        """The differences after a command, and whether there is still something to go on with."""
        ours, real = self._both(lambda side: side.run(command))
        if real.code == NO_ANSWER:
            # It has stumbled over the request (there are such ones): nobody has to do the same.
            return [], False
        before = self._restless
        if command.disturbs and (0 in {ours.code, real.code} or command.partly):
            self._restless = frozenset().union(*self._both(lambda side: side.settle()))
        elif before:
            self._restless |= frozenset().union(*self._both(lambda side: side.settle(_SHORT_PATIENCE)))
        # What moved until now may have told its end only now.
        restless = self._restless | before
        seen: tuple[Seen, Seen] = self._both(lambda side: side.look())
        said, shown = self._alphabet.said, self._alphabet.seen
        found = differences(said(ours, self._ours.names), said(real, self._real.names))
        found += differences(shown(seen[0], self._ours.names, restless), shown(seen[1], self._real.names, restless))
        return unexplained(found), all(one.swarm for one in seen)

    def _both(self, do: Callable[[Side], T]) -> tuple[T, T]:
        ours, real = self._pool.map(do, (self._ours, self._real))
        return ours, real
