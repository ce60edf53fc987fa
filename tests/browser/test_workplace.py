"""JupyterLab opens tidy, can be used without a mouse, and leaves the user's home alone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from checker.labs import LABS

from .learner import FRONT, START, Desk, await_kernel, picture

#: Starting JupyterLab counts too.
pytestmark = pytest.mark.timeout(300)

#: More than there are links on the start page, and controls before them.
MANY = 60


def test_the_start_page_comes_first_and_nothing_else_does(desk: Desk, page: Page, screenshots: Path) -> None:
    page.goto(desk.at(START))
    heading = page.get_by_role("heading", name="Start here")
    expect(heading).to_be_visible()
    # From here on JupyterLab would have shown what it has to ask or tell.
    await_kernel(page)
    expect(page.locator(".jp-KernelName").first).to_have_text("Python 3")
    picture(heading, screenshots / "start-page.png")
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
    assert page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").count() == 1


def test_the_file_browser_shows_the_course_and_no_clutter(desk: Desk, page: Page) -> None:
    for clutter in (".ipynb_checkpoints", "__pycache__"):
        (desk.notebooks / clutter).mkdir(exist_ok=True)
    page.goto(desk.at(START))
    names = page.locator(".jp-DirListing-item .jp-DirListing-itemText")
    expect(names.filter(has_text="00-start-here.ipynb")).to_be_visible()
    course = sorted(path.name for path in LABS.iterdir() if path.suffix == ".ipynb")
    seen = [name.inner_text() for name in names.all()]
    assert seen == course, "but the learner's own files there is nothing else"
    # Every name can be read in full.
    assert names.locator("visible=true").evaluate_all("all => all.every(n => n.scrollWidth <= n.clientWidth)")


def test_a_lab_is_opened_and_run_without_a_mouse(desk: Desk, page: Page, screenshots: Path) -> None:
    page.goto(desk.at(START))
    expect(page.get_by_role("heading", name="Start here")).to_be_visible()
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_have_class(re.compile("jp-mod-active"))
    for _ in range(MANY):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("A0:"):
            break
    page.keyboard.press("Enter")
    panel = page.locator(FRONT)
    expect(panel.get_by_role("heading", name="Lab A0: Welcome")).to_be_visible()
    code = panel.locator(".jp-CodeCell").first
    expect(panel.locator(".jp-Cell").first).to_have_class(re.compile("jp-mod-active"))
    await_kernel(page)
    page.keyboard.press("Shift+Enter")
    expect(code).to_have_class(re.compile("jp-mod-active"))
    page.keyboard.press("Shift+Enter")
    expect(code.locator(".jp-OutputArea-output")).to_contain_text("The docker command talks to node-1.")
    picture(code, screenshots / "keyboard.png")


def test_a_cell_that_is_run_before_its_kernel_is_there_is_not_lost_silently(desk: Desk, page: Page) -> None:
    held: list[Route] = []
    page.route(
        "**/api/sessions?*", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    page.goto(desk.at("B6-configs.ipynb"))
    code = page.locator(FRONT).locator(".jp-CodeCell").first
    code.locator(".jp-InputPrompt").click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".Toastify__toast")).to_contain_text("still initializing")
    page.unroute_all()


def test_nothing_is_written_into_the_users_home(desk: Desk) -> None:
    assert list(desk.home.iterdir()) == []
