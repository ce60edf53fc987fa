"""What an engine is configured with (MB: daemon/config/config_test.go), and who sees it."""

from collections.abc import Callable

import pytest

from swarmlab.engine.settings import engine_settings
from swarmlab.engine.swarm.description import describe
from swarmlab.objects import TLSInfo
from swarmlab.objects.generic import discrete, named

from .conftest import LabOfEngines


def test_a_node_reports_labels_and_resources_of_its_engine() -> None:
    found = describe("node-1", TLSInfo(), engine_settings(["zone=a", "x="], ["gpu=a", "ssd=2"]))
    assert found.engine.labels == {"zone": "a", "x": ""}
    assert found.resources.generic_resources == (named("gpu", "a"), discrete("ssd", 2))
    assert describe("node-1", TLSInfo()).engine.labels == {}


@pytest.mark.parametrize(
    ("labels", "text"),
    [(["zone"], "bad attribute format: zone"), (["a=b", "a=c"], "conflict labels for a=c and a=b")],
)
def test_labels_that_cannot_be(labels: list[str], text: str) -> None:
    with pytest.raises(ValueError, match=r"label|attribute") as refused:
        engine_settings(labels)
    assert str(refused.value) == text


def test_a_lab_configures_its_engines(make: Callable[..., LabOfEngines]) -> None:
    lab = make(2, {"node-2": engine_settings(["zone=a"], ["gpu=a"])})
    lab.swarm(1, workers=1)
    assert lab.node(1).description.engine.labels == {}
    assert lab.node(2).description.engine.labels == {"zone": "a"}
    assert lab.node(2).description.resources.generic_resources == (named("gpu", "a"),)
    lab.crash()
    lab.advance(1)
    assert lab.node(2).description.engine.labels == {"zone": "a"}
