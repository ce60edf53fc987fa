"""Every notebook can be read on GitHub, which shows Markdown, stored outputs and a little HTML."""

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from checker.labs import LABS, SOLUTIONS, stems

NOTEBOOKS = [path for folder in (LABS, SOLUTIONS) for name in stems() if (path := folder / f"{name}.ipynb").exists()]
#: What GitHub leaves of HTML in notebooks, of all that is used here. It drops styles, so nothing may depend on them.
KEPT = {
    *("a", "br", "code", "details", "div", "p", "section", "span", "summary"),
    *("caption", "dd", "dl", "dt", "table", "tbody", "td", "th", "thead", "tr"),
}
#: The most lines that a cell may show, and characters of its source and its outputs: a page at a time.
LINES, CHARACTERS = 80, 16_000


class Page(HTMLParser):
    """The elements of HTML, and its words; of styles neither."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(re.sub(r"(?s)<style>.*?</style>", "", text))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data.split()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_that_matters_is_lost(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        assert len(str(cell)) < CHARACTERS
        if cell.cell_type == "markdown":
            assert Page(re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)).tags <= KEPT
            assert "attachment:" not in cell.source
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = output.get("text", "") or data.get("text/plain", "")
            assert len(text.splitlines()) <= LINES
            if html := data.get("text/html", ""):
                page = Page(html)
                assert page.tags <= KEPT | {"progress"}
                # A report's state is a word beside its colour.
                for state in re.findall(r'class="checker-(done|partly|not-yet)"', html):
                    assert set(state.split("-")) <= set(page.words)
