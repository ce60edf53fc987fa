"""The labs' notebooks, made from one source each: `python -m checker.notebooks build`.

A source is a Markdown file in `solutions/src/`. Fenced blocks marked `cell` become code cells, everything else
Markdown. A block marked `cell learner` is only in the learner's notebook (`labs/`), one marked `cell solution` only in
the solved one (`solutions/`). A source without either has no solved notebook.

`python -m checker.notebooks run` runs the solved notebooks in the lab that SWARMLAB_LAB names and stores their outputs.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from markdown_it import MarkdownIt
from nbclient import NotebookClient

#: nbformat has no types.
_FORMAT: Any = nbformat
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_ROOT = Path(__file__).parent.parent
LABS, SOLUTIONS, SOURCES = _ROOT / "labs", _ROOT / "solutions", _ROOT / "solutions" / "src"
#: The longest that a cell may take, in seconds.
_TIMEOUT = 120


class Block(NamedTuple):
    """A piece of a source: `kind` is `markdown`, `cell`, `learner` or `solution`."""

    kind: str
    text: str


def blocks(source: str) -> Iterator[Block]:
    """The pieces of a source, in order. Raises ValueError for a marked block of an unknown kind."""
    lines = source.splitlines()
    start = 0
    for token in MarkdownIt().parse(source):
        if token.type != "fence" or token.level or token.info.split()[:1] != ["cell"]:
            continue
        assert token.map is not None
        if text := "\n".join(lines[start : token.map[0]]).strip():
            yield Block("markdown", text)
        kind = " ".join(token.info.split()[1:]) or "cell"
        if kind not in {"cell", "learner", "solution"}:
            raise ValueError(f"line {token.map[0] + 1}: a cell is for `learner`, `solution` or both, not {kind!r}")
        yield Block(kind, token.content.rstrip("\n"))
        start = token.map[1]
    if text := "\n".join(lines[start:]).strip():
        yield Block("markdown", text)


def notebook(source: str, audience: str) -> Any:
    """The notebook for an audience, `learner` or `solution`, without outputs; always the same for the same source."""
    cells: list[Any] = []
    for block in blocks(source):
        if block.kind in {"markdown", "cell", audience}:
            make = _FORMAT.v4.new_markdown_cell if block.kind == "markdown" else _FORMAT.v4.new_code_cell
            cells.append(make(block.text, id=f"cell-{len(cells) + 1}"))
    return _FORMAT.v4.new_notebook(cells=cells, metadata=_METADATA)


def has_solution(source: str) -> bool:
    """Whether there is anything to solve."""
    return any(block.kind in {"learner", "solution"} for block in blocks(source))


def build() -> None:
    """Write all notebooks. Outputs that a solved notebook has are kept as long as its cells stay the same."""
    for path in sorted(SOURCES.glob("*.md")):
        source = path.read_text(encoding="utf-8")
        _write(notebook(source, "learner"), LABS / f"{path.stem}.ipynb")
        if has_solution(source):
            solved, target = notebook(source, "solution"), SOLUTIONS / f"{path.stem}.ipynb"
            if not target.exists() or sources(_FORMAT.read(target, as_version=4)) != sources(solved):
                _write(solved, target)


def run() -> None:
    """Run the solved notebooks and store their outputs."""
    for path in sorted(SOLUTIONS.glob("*.ipynb")):
        solved = _FORMAT.read(path, as_version=4)
        NotebookClient(solved, timeout=_TIMEOUT, record_timing=False, coalesce_streams=True).execute(
            cwd=str(path.parent)
        )
        solved.metadata = _FORMAT.from_dict(_METADATA)
        _write(solved, path)


def sources(book: Any) -> list[tuple[str, str, str]]:
    """What a notebook says, without what it showed: kind, id and text of each cell."""
    return [(cell.cell_type, cell.id, cell.source) for cell in book.cells]


def _write(book: Any, path: Path) -> None:
    _FORMAT.validate(book)
    _FORMAT.write(book, path)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the labs' notebooks from their sources.")
    parser.add_argument("action", choices=("build", "run"))
    {"build": build, "run": run}[parser.parse_args().action]()


if __name__ == "__main__":
    main()
