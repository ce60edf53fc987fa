"""Labs for genuine clients: one for each module of tests."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from swarmlab.lab import environment, manage
from swarmlab.lab.environ import UNSET
from tests.support.labs import running_lab


@dataclass(frozen=True)
class ClientLab:
    """A lab that runs."""

    name: str

    def env(self, node: str = "node-1") -> dict[str, str]:
        """The whole environment of a command that is to talk to this node."""
        kept = {key: value for key, value in os.environ.items() if key not in UNSET}
        return {**kept, **environment(self.name, node)}

    def reset(self) -> None:
        """Begin anew."""
        manage.reset(self.name)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientLab]:
    """A lab of two engines that belong to no swarm."""
    with running_lab("clients", 2, tmp_path_factory.mktemp("labs")) as name:
        yield ClientLab(name)
