"""What a campaign needs to know of the commands that it plays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import faults
from .comparer import View, outcome_view, swarm_view
from .containers import generator, view
from .containers.side import EngineSide
from .generator import PRELUDE
from .normaliser import Names
from .side import Outcome, Seen, Side
from .sides import SwarmSide

#: The two sides, ours and the real one, of endpoints and a folder to work in.
Sides = Callable[[Sequence[str], Sequence[str], Path], tuple[Side, Side]]


@dataclass(frozen=True)
class Alphabet:
    """How sides are made and prepared for commands, and what of them is compared."""

    prelude: Sequence[str]
    sides: Sides
    said: Callable[[Outcome, Names], View]
    #: Of what still moves (the set's names), only what does not depend on the moment.
    seen: Callable[[Seen, Names, frozenset[str]], View]


def swarm(power: tuple[str, str] = ("", "")) -> Alphabet:
    """Commands of swarms. `power` are two commands that switch nodes (see SwarmSide): without, nodes stay on."""

    def sides(ours: Sequence[str], real: Sequence[str], folder: Path) -> tuple[Side, Side]:
        return SwarmSide(ours, folder / "ours", power[0]), SwarmSide(real, folder / "real", power[1])

    return Alphabet(faults.PRELUDE if any(power) else PRELUDE, sides, outcome_view, swarm_view)


def containers() -> Alphabet:
    """Commands for what is done by hand on one engine."""
    return Alphabet(generator.PRELUDE, EngineSide.pair, view.said, view.seen)
