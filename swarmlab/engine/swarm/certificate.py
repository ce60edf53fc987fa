"""The life of a node's certificate (SK: ca/{certificates,renewer}.go)."""

import random
from typing import NamedTuple

from swarmlab.clock import SECOND

#: Valid from so long before it was issued, in nanoseconds, against clocks that differ.
BACKDATE = 3600 * SECOND
#: The part of its life after which it is renewed, at a random point between the two.
_LOWER, _UPPER = 0.5, 0.8
_MINUTE = 60 * SECOND


class Validity(NamedTuple):
    """From when to when a certificate is valid, in Unix nanoseconds. One that ends at 0 is of an old lab, and stays."""

    begins: int = 0
    ends: int = 0

    def expired(self, now: int) -> bool:
        """Whether it is not good any more."""
        return 0 < self.ends < now

    def renewal(self, chance: random.Random) -> int:
        """When to ask for the next one: full minutes after it began."""
        minutes = (self.ends - self.begins) / _MINUTE
        low, high = int(minutes * _LOWER), int(minutes * _UPPER)
        return self.begins + (chance.randrange(low, high) if high > low else low) * _MINUTE


def issued(now: int, expiry: int) -> Validity:
    """What a certificate has that is issued now, good for so many nanoseconds."""
    return Validity(now - BACKDATE, now + expiry)
