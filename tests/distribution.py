"""How processes share the suite (`pytest -n`): what is run by one of them, and what begins first."""

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Files whose tests take over a minute, or wait for others most of the time: the rest is done meanwhile.
FIRST = (
    "tests/labs/test_notebooks.py",
    "tests/checker/test_plays.py",
    "tests/browser/test_labs.py",
    "tests/conformance/test_conformance.py",
    "tests/clients/test_docker_sdk.py",
    "tests/browser/test_reading.py",
    "tests/clients/test_cli.py",
    "tests/runtime/test_postgres.py",
    "tests/runtime/test_pip.py",
    "tests/runtime/test_python.py",
    "tests/lab/test_manage.py",
    "tests/test_scripts.py",
    "tests/lab/test_jupyter.py",
)
#: Files that are run by the same process, one after the other, as others are with the first of them: a real engine
#: belongs to one test at a time, and starting JupyterLab takes long.
TOGETHER = {
    "tests/conformance/differential/test_differential.py": "tests/conformance/test_conformance.py",
    "tests/conformance/differential/containers/test_containers.py": "tests/conformance/test_conformance.py",
    "tests/checker/test_parity.py": "tests/conformance/test_conformance.py",
    "tests/labs/test_on_engines.py": "tests/conformance/test_conformance.py",
    "tests/browser/test_workplace.py": "tests/browser/test_reading.py",
}


def part(file: str) -> str:
    """Name the part of the suite that a file belongs to, by its first file."""
    return TOGETHER.get(file, file)


def rank(item: pytest.Item) -> int:
    """Where an item stands in the order in which the parts are begun."""
    name = part(item.nodeid.partition("::")[0])
    return FIRST.index(name) if name in FIRST else len(FIRST)


class Distribution(LoadScopeScheduling):
    """Gives every process parts of the suite, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return part(nodeid.partition("::")[0])
