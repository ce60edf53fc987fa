"""What a learner does in JupyterLab, and what there is to see then."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

from checker.labs import source
from checker.notebooks import blocks

#: How long a cell may run, in milliseconds.
CELL_LIMIT = 120_000
#: What JupyterLab opens with.
START = "00-start-here.ipynb"
#: The notebook in front; those behind it are hidden.
FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"
#: The command that shows the address of a page, in a cell, and how what it prints begins.
_SHOWS_ADDRESS = re.compile(r"^!swarmlab url ", re.MULTILINE)
_TOLD = re.compile(r"http://")
_ADDRESS = re.compile(r"^http://\S+$", re.MULTILINE)
_RAN = re.compile(r"^\[\d+\]:$")


@dataclass(frozen=True)
class Desk:
    """A running JupyterLab. `url` opens the start page; `notebooks` is its folder, `home` the user's."""

    url: str
    notebooks: Path
    home: Path
    environ: Mapping[str, str]

    def shell(self, line: str) -> str:
        """Run a line in a shell of the lab, as in a terminal of JupyterLab; what it printed."""
        led = f'eval "$(swarmlab env)"\n{line}'
        return subprocess.run(
            ["sh", "-c", led], env=self.environ, cwd=self.notebooks, check=True, capture_output=True, text=True
        ).stdout

    def at(self, notebook: str) -> str:
        """The address of a notebook, in a workplace where nothing else is open."""
        return self.url.replace(START, notebook) + "&reset"


class Cell(NamedTuple):
    """A cell of a learner's notebook: what is to be typed into it, and what to wait for before the next one."""

    source: str
    code: bool
    answer: str = ""
    wait: str = ""


def cells(name: str) -> list[Cell]:
    """The cells of a lab with the answers of its solved twin, from their common source."""
    made: list[Cell] = []
    for block in blocks(source(name)):
        if block.kind != "solution":
            made.append(Cell(block.text, block.kind != "markdown"))
        elif made[-1].source.startswith("# Your turn") and not made[-1].answer:
            made[-1] = made[-1]._replace(answer=block.text)
        else:
            # The solved twin waits here for what a reader would see in time.
            made[-1] = made[-1]._replace(wait=block.text)
    return made


class Notebook:
    """The notebook in front."""

    def __init__(self, page: Page, desk: Desk, name: str) -> None:
        self.page = page
        self.name = name
        self._desk = desk
        self._script = cells(name)
        self.panel = page.locator(FRONT)
        self.cells = self.panel.locator(".jp-Notebook .jp-Cell")
        expect(self.cells).to_have_count(len(self._script))
        expect(self.cells.first).to_have_class(re.compile("jp-mod-active"))
        await_kernel(page)

    def reports(self) -> Iterator[Locator]:
        """What the check cells show, from top to bottom."""
        for number, cell in enumerate(self._script):
            if cell.code and "check(" in cell.source:
                yield self.cells.nth(number).locator(".checker-report")

    def run_with_keys(self, screenshots: Path) -> None:
        """Shift+Enter from the first cell to the last one; commands are typed where it is the learner's turn.

        Pages whose addresses the notebook shows are opened and kept as screenshots.
        """
        for number, cell in enumerate(self._script):
            shown = self.cells.nth(number)
            expect(shown).to_have_class(re.compile("jp-mod-active"))
            if cell.answer:
                self._type(cell.answer)
            if number < len(self._script) - 1:
                self.page.keyboard.press("Shift+Enter")
            if cell.code:
                expect(shown.locator(".jp-InputPrompt")).to_have_text(_RAN, timeout=CELL_LIMIT)
            if _SHOWS_ADDRESS.search(cell.source):
                # What a cell prints may be drawn after the number that says that it has run.
                expect(shown.locator(".jp-OutputArea-output").first).to_contain_text(_TOLD)
                told = "\n".join(shown.locator(".jp-OutputArea-output").all_inner_texts())
                for address in _ADDRESS.findall(told):
                    self._visit(address, screenshots / f"{self.name}-page-{number}.png")
            for line in cell.wait.splitlines():
                if line.startswith("!"):
                    self._desk.shell(line[1:])

    def answer(self) -> None:
        """Type the commands where it is the learner's turn, and run nothing."""
        for number, cell in enumerate(self._script):
            if cell.answer:
                self.cells.nth(number).locator(".jp-InputPrompt").click()
                self._type(cell.answer)
                self.page.keyboard.press("Escape")

    def await_the_end(self, timeout: float) -> None:
        """Wait until every cell has run; `timeout` is in milliseconds."""
        for number, cell in enumerate(self._script):
            if cell.code:
                expect(self.cells.nth(number).locator(".jp-InputPrompt")).to_have_text(_RAN, timeout=timeout)

    def _visit(self, address: str, picture: Path) -> None:
        """Open a page in another tab; everything that it asks for has to be there."""
        tab = self.page.context.new_page()
        failed: list[str] = []
        tab.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        tab.on("requestfailed", lambda request: failed.append(request.url))
        tab.goto(address, wait_until="networkidle")
        tab.screenshot(path=picture)
        tab.close()
        # Not every program has a picture for the tab; browsers ask for one all the same.
        assert [url for url in failed if not url.endswith("/favicon.ico")] == []

    def _type(self, command: str) -> None:
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Control+a")
        if "\n" in command:
            # JupyterLab would indent each line more than the one before.
            self.page.keyboard.insert_text(command)
        else:
            self.page.keyboard.type(command)


def await_kernel(page: Page) -> None:
    """Wait until cells of the notebook in front can be run: before that they would not be."""
    # The first alone would be too early: it says "idle" until it knows better. The last may tell of another notebook.
    page.wait_for_function(
        """front => document.querySelector(`${front} .jp-Notebook-ExecutionIndicator`)?.dataset.status === 'idle'
            && document.querySelector(`${front} .jp-KernelName`)?.textContent.includes('Python 3')
            && document.querySelector('#jp-main-statusbar').textContent.includes('Python 3 | Idle')""",
        arg=FRONT,
    )


def menu(page: Page, bar: str, *titles: str) -> None:
    """Choose an item of a menu; the `…` of a title may be left out."""
    page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{bar}$")).click()
    for title in titles:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(title)}…?$")).last.click()


def picture(shown: Locator, path: Path) -> None:
    """Scroll to something and take a picture of the window."""
    shown.scroll_into_view_if_needed()
    # What was out of sight is drawn when it comes into view.
    shown.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown.page.screenshot(path=path)


def assert_green(report: Locator) -> None:
    """Every step of a report is done, and shown so: in words and in the theme's colour for success."""
    expect(report).to_be_visible()
    rows = report.locator("tbody tr")
    states = rows.evaluate_all(
        """rows => rows.map(row => [
            row.cells[1].innerText.trim(),
            getComputedStyle(row.querySelector('.checker-sign')).color === colour(row)])
        function colour(row) {
            const probe = row.cells[0].appendChild(document.createElement('i'))
            probe.style.color = 'var(--jp-success-color1)'
            const seen = getComputedStyle(probe).color
            probe.remove()
            return seen
        }"""
    )
    assert states
    assert states == [["✔ done", True]] * len(states), report.inner_text()
