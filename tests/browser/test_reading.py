"""Reports and pictures can be read in light and dark themes and in narrow windows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from checker.labs import IMAGES
from checker.notebooks import notebook

from .learner import FRONT, Desk, await_kernel, menu, picture

#: Starting JupyterLab counts too.
pytestmark = pytest.mark.timeout(300)

#: More than there are controls before the question.
MANY = 80
#: A notebook with everything that the checker shows, of steps that are done, partly done, and not done.
EVERYTHING = """\
# Everything

{pictures}

> **In the book** there is a note.

```cell
%load_ext swarmlab
```

```cell
!swarmlab reset
!docker swarm init
!docker service create --detach --replicas 3 --name web --publish 80:80 nginx
```

```cell
from checker import check, hint, progress

check("A1")
```

```cell
hint("A1")
```

```cell
progress("A1", "B2")
```

```cell
from checker import quiz

quiz("Q1")
```
"""

#: The contrast of every text with what is behind it, below that of WCAG's level AA for its size: [text, contrast].
FAINT = """root => {
    const channels = text => (text.match(/[\\d.]+/g) || []).map(Number)
    const over = (top, under) => {
        const alpha = top.length > 3 ? top[3] : 1
        return [0, 1, 2].map(i => top[i] * alpha + under[i] * (1 - alpha))
    }
    const light = colour => {
        const [r, g, b] = colour.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        return .2126 * r + .7152 * g + .0722 * b
    }
    const behind = element => {
        if (!element) return [255, 255, 255]
        return over(channels(getComputedStyle(element).backgroundColor), behind(element.parentElement))
    }
    const faint = []
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const element = node.parentElement, text = node.data.trim()
        if (!text || element.tagName === 'STYLE') continue
        const under = behind(element), colour = over(channels(getComputedStyle(element).color), under)
        const [high, low] = [light(colour), light(under)].sort((a, b) => b - a)
        const contrast = (high + .05) / (low + .05)
        if (contrast < (text.length > 1 ? 4.5 : 3)) faint.push([text, contrast.toFixed(2)])
    }
    return faint
}"""


@pytest.fixture(scope="module")
def everything(desk: Desk, new_page: Callable[[], Page]) -> Iterator[Page]:
    pictures = "\n\n".join(f"![{path.stem}](images/{path.name})" for path in sorted(IMAGES.glob("*.svg")))
    made = notebook(EVERYTHING.format(pictures=pictures), "learner")
    file = desk.notebooks / "everything.ipynb"
    file.write_text(nbformat.writes(made))
    page = new_page()
    page.goto(desk.at("everything.ipynb"))
    await_kernel(page)
    menu(page, "Run", "Run All Cells")
    expect(page.locator(FRONT).locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text("[6]:")
    yield page
    # JupyterLab would save it again.
    page.close()
    file.unlink()


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_everything_can_be_read_in_this_theme(everything: Page, screenshots: Path, theme: str) -> None:
    page = everything
    menu(page, "Settings", "Theme", theme)
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
    report = page.locator(".checker-report")
    states = {text.split(maxsplit=1)[1] for text in report.locator("tbody td:nth-child(2)").all_inner_texts()}
    assert states == {"done", "partly", "not yet"}
    outputs = page.locator(FRONT).locator(".jp-RenderedHTMLCommon:not(.jp-RenderedMarkdown)")
    assert outputs.count() == 3
    for number, output in enumerate(outputs.all(), 1):
        picture(output, screenshots / f"{theme.split()[1].lower()}-{number}.png")
        assert output.evaluate(FAINT) == []
    for shown in page.locator(FRONT).locator(".jp-RenderedMarkdown img").all():
        picture(shown, screenshots / f"{theme.split()[1].lower()}-{shown.get_attribute('alt')}.png")
        assert shown.evaluate("image => image.complete && image.naturalWidth > 0")


def test_a_question_is_answered_without_a_mouse(everything: Page, screenshots: Path) -> None:
    page = everything
    boxes = page.locator(FRONT).locator("input[type=checkbox]")
    expect(boxes).to_have_count(5)
    page.keyboard.press("Control+Home")
    focused = "document.activeElement.type || document.activeElement.innerText"
    for _ in range(MANY):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "checkbox":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("Tab")
    assert "Check my answer" in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Enter")
    report = page.locator(FRONT).locator(".checker-report").last
    expect(report).to_contain_text("b is not right")
    picture(report, screenshots / "question.png")


def test_reports_fit_a_narrow_window(everything: Page, screenshots: Path) -> None:
    page = everything
    page.set_viewport_size({"width": 480, "height": 800})
    page.keyboard.press("Control+b")
    report = page.locator(".checker-report").first
    expect(page.locator("#jp-left-stack")).to_be_hidden()
    picture(report.locator("tbody tr").nth(3), screenshots / "narrow.png")
    inside = "e => [...e.querySelectorAll('td, th, dd')].every(c => c.getBoundingClientRect().right <= innerWidth)"
    assert report.evaluate(inside)
    assert report.evaluate("e => e.scrollWidth <= e.clientWidth")
