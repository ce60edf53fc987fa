"""Every test run: what the servers answer follows Docker's definitions, in this process and in those of labs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer

from swarmlab.lab import daemon, launch
from tests import distribution
from tests.official import watch


@pytest.fixture(scope="session", autouse=True)
def problem_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of problems, with everything set up to fill it."""
    file = tmp_path_factory.mktemp("official") / "problems"
    file.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(watch.PROBLEMS, str(file))
        patch.setattr(launch, "COMMAND", (sys.executable, "-P", "-u", str(Path(watch.__file__).with_name("daemon.py"))))
        uninstall = watch.install()
        yield file
        uninstall()


@pytest.fixture(scope="session", autouse=True)
def _as_many_files_as_a_lab_has() -> None:
    """Labs and meshes in the tests' own process open as many files as in the lab's."""
    daemon.raise_file_limit()


@pytest.fixture(autouse=True)
def _answers_follow_the_definitions(problem_file: Path) -> Iterator[None]:
    """Fails the test during which an answer did not."""
    yield
    problems = problem_file.read_text().splitlines()
    os.truncate(problem_file, 0)
    assert not problems, "answers that Docker's definitions do not allow:\n" + "\n".join(dict.fromkeys(problems))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> distribution.Distribution:
    """Whoever runs the suite with others gets whole parts of it."""
    config.option.loadscopereorder = False
    return distribution.Distribution(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The parts that take longest begin first, where there are others to do the rest meanwhile."""
    if hasattr(config, "workerinput"):
        items.sort(key=distribution.rank)
