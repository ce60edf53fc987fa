"""`python -m tests.conformance record|play NAME…`: record on real engines, or play on swarmlab and compare."""

import os
import sys
import tempfile
import time

from swarmlab.lab import manage

from . import recording, scenario
from .engines import LabEngines, RealEngines, request
from .player import play


def _record(names: list[str]) -> None:
    engines = RealEngines.from_environment()
    if engines is None:
        sys.exit("Set SWARMLAB_REAL_ENGINES to the endpoints of Docker engines that nobody else uses.")
    version = request(engines.sockets[0], "GET", "/version")[1]["Version"]
    try:
        for name in names:
            began = time.monotonic()
            recording.save(name, play(scenario.load(name), engines), version)
            _say(f"{name}: recorded in {time.monotonic() - began:.0f} s")
    finally:
        engines.fresh(1.0)


def _play(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["SWARMLAB_HOME"] = home
        manage.up("conformance")
        try:
            engines = LabEngines("conformance")
            for name in names:
                began = time.monotonic()
                found = scenario.load(name)
                compared = recording.Comparison(found, recording.load(name), play(found, engines), real=False)
                summary = f"{name}: {len(compared.failures)} differ, {len(compared.known)} are known to"
                _say("\n\n".join([f"{summary}; {time.monotonic() - began:.1f} s", *compared.failures]))
        finally:
            manage.down("conformance", purge=True)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"record": _record, "play": _play}[sys.argv[1]](sys.argv[2:] or scenario.names())
