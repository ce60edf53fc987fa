"""The same scenarios on swarmlab and on real engines, both against what real engines did when it was recorded."""

import os
from collections.abc import Iterator

import pytest

from tests.support.labs import running_lab

from . import recording, scenario
from .engines import Engines, LabEngines, RealEngines
from .player import play

#: What is played on real engines in every test run. All would take over ten minutes: SWARMLAB_REAL_SCENARIOS=all.
_QUICK = frozenset({"invalid", "ports", "preferences", "secrets-configs"})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabEngines]:
    with running_lab("conformance", 3, tmp_path_factory.mktemp("labs")) as name:
        yield LabEngines(name)


@pytest.fixture(scope="module")
def real() -> Iterator[RealEngines]:
    engines = RealEngines.from_environment()
    if engines is None:
        pytest.skip("SWARMLAB_REAL_ENGINES names no engines")
    yield engines
    engines.fresh(1.0)


def check(name: str, engines: Engines, *, real: bool) -> None:
    found = scenario.load(name)
    if len(engines.sockets) < len(found.roles):
        pytest.skip(f"needs {len(found.roles)} engines")
    if found.needs_power and not engines.power_works:
        pytest.skip("SWARMLAB_REAL_NODE_SCRIPT names nothing that switches nodes off and on")
    recorded = recording.load(name)
    compared = recording.Comparison(found, recorded, play(found, engines), real=real)
    if real and compared.failures:
        # A real engine does not always agree with itself.
        compared = recording.Comparison(found, recorded, play(found, engines), real=real)
    assert not compared.failures, "\n\n".join(compared.failures)
    if compared.known:
        pytest.xfail("; ".join(dict.fromkeys(compared.known)))


@pytest.mark.parametrize("name", scenario.names())
def test_swarmlab_does_what_a_real_engine_did(name: str, lab: LabEngines) -> None:
    check(name, lab, real=False)


@pytest.mark.real_engine
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", scenario.names())
def test_a_real_engine_does_what_was_recorded(name: str, real: RealEngines) -> None:
    if name not in _QUICK and os.environ.get("SWARMLAB_REAL_SCENARIOS") != "all":
        pytest.skip("takes minutes on a real engine: SWARMLAB_REAL_SCENARIOS=all plays it")
    check(name, real, real=True)
