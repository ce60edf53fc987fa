"""Labs as learners do them in JupyterLab, in a real browser: the checks turn green."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from .learner import FRONT, Desk, Notebook, assert_green, menu, picture

#: Starting JupyterLab counts too.
pytestmark = pytest.mark.timeout(300)

#: How a lab is run: with Shift+Enter, cell after cell, or all at once from the menu.
KEYS, MENU = "keys", "menu"
LABS = {
    "A1-run-services": KEYS,
    "A3-stack-from-compose": KEYS,
    "A4-configs-and-secrets": KEYS,
    "B2-rolling-updates": MENU,
}
#: The longest that a lab may take, in milliseconds.
LAB_LIMIT = 110_000
#: The longest until JupyterLab shows a notebook before it is asked once more, in milliseconds.
SHOWN_LIMIT = 40_000


@pytest.fixture(scope="module")
def begun(
    request: pytest.FixtureRequest, browser: Browser, new_desk: Callable[[], Desk], new_page: Callable[[], Page]
) -> dict[str, Notebook]:
    """The selected labs, each in a JupyterLab of its own: while one is run by keys, the others run by themselves."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    selected = {item.callspec.params["name"] for item in items if item.module is request.module}
    names = [name for name in LABS if name in selected]
    with ThreadPoolExecutor() as pool:
        desks = list(pool.map(lambda _name: new_desk(), names))
    notebooks = {}
    for name, desk in zip(names, desks, strict=True):
        page = new_page()
        page.goto(desk.at(f"{name}.ipynb"))
        with contextlib.suppress(PlaywrightError):
            # JupyterLab gives up a notebook that its server is slow to send, as when several start at once.
            page.locator(f"{FRONT} .jp-Cell").first.wait_for(timeout=SHOWN_LIMIT)
        if not page.locator(f"{FRONT} .jp-Cell").count():
            page.reload()
        notebook = notebooks[name] = Notebook(page, desk, name)
        if LABS[name] == MENU:
            notebook.answer()
            menu(page, "Run", "Run All Cells")
    return notebooks


@pytest.mark.parametrize("name", LABS)
def test_a_learner_does_a_lab_and_its_checks_turn_green(
    begun: dict[str, Notebook], screenshots: Path, name: str
) -> None:
    notebook = begun[name]
    if LABS[name] == KEYS:
        notebook.run_with_keys(screenshots)
    notebook.await_the_end(LAB_LIMIT)
    reports = list(notebook.reports())
    assert reports
    for number, report in enumerate(reports, 1):
        picture(report, screenshots / f"{name}-check-{number}.png")
        assert_green(report)
    assert notebook.page.locator(".jp-Dialog").count() == 0
