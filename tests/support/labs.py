"""Labs of tests that need a whole one: a process of its own, on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swarmlab.lab import manage


@contextmanager
def running_lab(name: str, nodes: int, home: Path) -> Iterator[str]:
    """A lab with a home of its own, up until it is purged; its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMLAB_HOME", str(home))
        manage.up(name, nodes=nodes)
        try:
            yield name
        finally:
            manage.down(name, purge=True)
