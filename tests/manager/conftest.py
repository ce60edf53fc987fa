"""A swarm of one manager, and its control API."""

import pytest

from swarmlab.manager import StatusError
from tests.support.cluster import Cluster


@pytest.fixture
def swarm() -> Cluster:
    return Cluster()


class Refused:
    """`with refused("InvalidArgument", "text"):` the call inside fails with exactly these, and changes nothing."""

    def __init__(self, swarm: Cluster, code: str, text: str) -> None:
        self._swarm = swarm
        self._expected = f"rpc error: code = {code} desc = {text}"
        self._index = swarm.store.index

    def __enter__(self) -> None:
        self._index = self._swarm.store.index

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, StatusError), f"{error!r} instead of a refusal"
        assert str(error) == self._expected
        assert self._swarm.store.index == self._index, "a refusal changes nothing"
        return True
