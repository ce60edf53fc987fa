"""JupyterLab as `scripts/lab` starts it, and a browser in front of it.

The browser is the machine's own Chromium or Chrome; without one these tests are skipped. Screenshots are kept in the
folder that SWARMLAB_SCREENSHOTS names, else in pytest's own temporary folder.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from checker.labs import LABS

from .learner import Desk

ROOT = LABS.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: How long the browser may take to show what it is told to, in milliseconds.
PATIENCE = 60_000
WINDOW = {"width": 1360, "height": 820}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH")
    # Chromium's sandbox refuses to work for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("SWARMLAB_SCREENSHOTS")
    folder = Path(named).absolute() if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Desk]]:
    """Starts what `scripts/lab` starts, with a lab and a home of its own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_desk(tmp_path_factory.mktemp("desk")))


@contextmanager
def _desk(place: Path) -> Iterator[Desk]:
    # A copy: what learners do would change the notebooks of the checkout.
    notebooks, home = place / "labs", place / "home"
    shutil.copytree(LABS, notebooks, ignore=shutil.ignore_patterns("work", ".*"))
    home.mkdir()
    environ = {
        **{key: value for key, value in os.environ.items() if key not in {"SWARMLAB_LAB", "XDG_STATE_HOME"}},
        "HOME": str(home),
        "SWARMLAB_HOME": str(place / "state"),
    }
    command = (ROOT / "scripts" / "lab", "--no-browser", "--notebooks", notebooks)
    program = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        told = ""
        for line in program.stdout:
            told += line
            if "Ctrl-C ends JupyterLab" in line:
                break
        address = re.search(r"http://\S+", told)
        assert address, told
        yield Desk(address[0], notebooks, home, environ)
    finally:
        program.terminate()
        program.communicate()
        subprocess.run([ROOT / ".venv/bin/swarmlab", "down", "--purge"], env=environ, check=False, capture_output=True)


@pytest.fixture(scope="package")
def new_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Opens a window of a browser that knows nothing of the other windows."""
    with ExitStack() as stack:

        def opened() -> Page:
            context = stack.enter_context(browser.new_context(viewport=WINDOW))
            context.set_default_timeout(PATIENCE)
            return context.new_page()

        yield opened


@pytest.fixture(scope="package")
def desk(browser: Browser, new_desk: Callable[[], Desk]) -> Desk:
    """A place for tests that need no lab in a certain state."""
    return new_desk()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of a browser that knows nothing of the windows before."""
    with browser.new_context(viewport=WINDOW) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()
