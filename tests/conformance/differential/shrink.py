"""The shortest list of commands that still shows a difference."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(commands: Sequence[T], fails: Callable[[list[T]], bool], more_time: Callable[[], bool]) -> list[T]:
    """Leave out of `commands` what can be left out: `fails` says whether a list still shows the difference.

    The last command, which shows it, always stays. All the others are tried first, then halves, quarters, down to
    single commands, as long as there is `more_time`.
    """
    *before, last = commands
    size = max(1, len(before))
    while before and more_time():
        for start in range(0, len(before), size):
            fewer = before[:start] + before[start + size :]
            if not more_time():
                break
            if fails([*fewer, last]):
                before = fewer
                size = max(1, min(size, len(before)))
                break
        else:
            if size == 1:
                break
            size = (size + 1) // 2
    return [*before, last]
