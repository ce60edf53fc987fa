"""What all generators of random commands have in common: chance, in proportions, and mistakes now and then."""

import random
from collections.abc import Iterator, Sequence

from .command import Command, Kinds
from .flags import Flag


class Chooser:
    """Chooses by `chance`; `spite` is how many commands contain a mistake (0 to 1)."""

    #: What `commands` chooses among.
    _kinds: Kinds = ()

    def __init__(self, chance: random.Random, spite: float) -> None:
        self._chance = chance
        self._spite = spite

    def commands(self, count: int) -> Iterator[Command]:
        """The next `count` commands."""
        for _ in range(count):
            yield self._kind(self._kinds)

    def _kind(self, kinds: Kinds) -> Command:
        return self._chance.choices(kinds, [weight for weight, _ in kinds])[0][1]()

    def _pick(self, *values: str) -> str:
        return self._chance.choice(values)

    def _maybe(self, probability: float, *values: str) -> str:
        return self._pick(*values) if self._chance.random() < probability else ""

    def _spiteful(self) -> bool:
        return self._chance.random() < self._spite

    def _given(self, flags: Sequence[Flag], suffix: str = "") -> list[tuple[str, Flag]]:
        return [(flag.name + suffix, flag) for flag in flags]

    def _flags(self, among: list[tuple[str, Flag]]) -> list[str]:
        """Some flags with good values and, if the command is to be spiteful, one with a bad one."""
        weights = [flag.weight for _, flag in among]
        chosen = self._chance.choices(among, weights, k=self._chance.choice([0, 1, 1, 2, 2, 3, 4, 6]))
        words = [self._option(name, self._pick(*flag.good)) for name, flag in chosen]
        if self._spiteful():
            bad = [(name, flag) for name, flag in among if flag.bad]
            name, flag = self._chance.choice(bad)
            words.append(self._option(name, self._pick(*flag.bad)))
        return words

    @staticmethod
    def _option(name: str, value: str) -> str:
        return f"--{name} {value}" if value else f"--{name}"
