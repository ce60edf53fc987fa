"""The labs' notebooks, made from one source each: `python -m checker.notebooks build`.

A source is a Markdown file in `solutions/src/`, filled in by `checker.labs`. Fenced blocks marked `cell` become code
cells, everything else Markdown. A block marked `cell learner` is only in the learner's notebook (`labs/`), one marked
`cell solution` only in the solved one (`solutions/`). A source without either has no solved notebook. What a cell
marked `varies` too shows differs between two runs in more than ids and ages (where tasks are placed, say), so tests run
it and don't compare.

Pictures are SVG files in `labs/images/`, drawn by `checker.pictures`; a source names them `images/NAME.svg`.

`python -m checker.notebooks run` runs the solved notebooks in the lab that SWARMLAB_LAB names and stores their outputs;
names after `run` choose some.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from markdown_it import MarkdownIt
from nbclient import NotebookClient

from checker.exercise import BOOK
from checker.labs import IMAGES, LABS, SOLUTIONS, NoNotebookError, source, stem_of, stems, takes_seeds
from checker.pictures import PICTURES

#: nbformat has no types.
_FORMAT: Any = nbformat
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: The longest that a cell may take, in seconds.
_TIMEOUT = 120


class Block(NamedTuple):
    """A piece of a source: `kind` is `markdown`, `cell`, `learner` or `solution`; `varies` says what it shows does."""

    kind: str
    text: str
    varies: bool = False


def blocks(text: str) -> Iterator[Block]:
    """The pieces of a source, in order. Raises ValueError for a marked block of an unknown kind."""
    lines = text.splitlines()
    start = 0
    for token in MarkdownIt().parse(text):
        if token.type != "fence" or token.level or token.info.split()[:1] != ["cell"]:
            continue
        assert token.map is not None
        if prose := "\n".join(lines[start : token.map[0]]).strip():
            yield Block("markdown", prose)
        words = token.info.split()[1:]
        varies = words[-1:] == ["varies"]
        kind = " ".join(words[: len(words) - varies]) or "cell"
        if kind not in {"cell", "learner", "solution"}:
            raise ValueError(f"line {token.map[0] + 1}: a cell is for `learner`, `solution` or both, not {kind!r}")
        yield Block(kind, token.content.rstrip("\n"), varies)
        start = token.map[1]
    if prose := "\n".join(lines[start:]).strip():
        yield Block("markdown", prose)


def notebook(text: str, audience: str) -> Any:
    """The notebook for an audience, `learner` or `solution`, without outputs; always the same for the same source."""
    cells: list[Any] = []
    for block in blocks(text):
        if block.kind in {"markdown", "cell", audience}:
            name = f"cell-{len(cells) + 1}"
            if block.kind == "markdown":
                prose = block.text if audience == "learner" else block.text.replace("](images/", "](../labs/images/")
                cells.append(_FORMAT.v4.new_markdown_cell(prose, id=name))
            else:
                metadata = {"tags": ["nbval-ignore-output"]} if block.varies else {}
                cells.append(_FORMAT.v4.new_code_cell(block.text, id=name, metadata=metadata))
    return _FORMAT.v4.new_notebook(cells=cells, metadata=_METADATA)


def has_solution(text: str) -> bool:
    """Whether there is anything to solve."""
    return any(block.kind in {"learner", "solution"} for block in blocks(text))


def personal(exercise: str, seed: int, target: Path | None = None) -> Path:
    """Write the learner's notebook about an exercise with the values of a seed; return where it is.

    By default it goes beside the others, because it shows the same pictures. Raises UnknownExerciseError,
    NoNotebookError, OSError.
    """
    stem = stem_of(exercise)
    if seed != BOOK and not takes_seeds(stem):
        raise NoNotebookError(f"the notebook {stem} has the book's values only")
    target = target or LABS / f"{stem}-seed-{seed}.ipynb"
    _write(notebook(source(stem, seed), "learner"), target)
    return target


def build() -> None:
    """Write all pictures and notebooks. Outputs that a solved notebook has are kept while its code stays the same."""
    IMAGES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(draw(), encoding="utf-8")
    for stem in stems():
        text = source(stem)
        _write(notebook(text, "learner"), LABS / f"{stem}.ipynb")
        if has_solution(text):
            solved, target = notebook(text, "solution"), SOLUTIONS / f"{stem}.ipynb"
            if target.exists():
                keep_outputs(solved, _FORMAT.read(target, as_version=4))
            _write(solved, target)


def keep_outputs(made: Any, stored: Any) -> None:
    """Give a notebook the outputs of a stored one, when the code cells of both are the same; text may differ."""
    now, before = ([cell for cell in book.cells if cell.cell_type == "code"] for book in (made, stored))
    if [(cell.source, cell.metadata) for cell in now] == [(cell.source, cell.metadata) for cell in before]:
        for cell, old in zip(now, before, strict=True):
            cell.outputs, cell.execution_count = old.outputs, old.execution_count


def run(names: Sequence[str] = ()) -> None:
    """Run the solved notebooks, all or those whose file names begin with one of `names`, and store their outputs."""
    for path in sorted(SOLUTIONS.glob("*.ipynb")):
        if names and not path.stem.startswith(tuple(names)):
            continue
        solved = _FORMAT.read(path, as_version=4)
        NotebookClient(solved, timeout=_TIMEOUT, record_timing=False, coalesce_streams=True).execute(
            cwd=str(path.parent)
        )
        for cell in solved.cells:
            for output in cell.get("outputs", ()):
                if output.output_type == "stream":
                    # Some commands name a file by its whole path, which is no reader's business.
                    output.text = output.text.replace(f"{path.parent}/", "")
        solved.metadata = _FORMAT.from_dict(_METADATA)
        _write(solved, path)


def sources(book: Any) -> list[tuple[str, str, str, list[str]]]:
    """What a notebook says, without what it showed: kind, id, text and tags of each cell."""
    return [(cell.cell_type, cell.id, cell.source, list(cell.metadata.get("tags", ()))) for cell in book.cells]


def _write(book: Any, path: Path) -> None:
    _FORMAT.validate(book)
    _FORMAT.write(book, path)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the labs' notebooks from their sources.")
    parser.add_argument("action", choices=("build", "run"))
    parser.add_argument("names", nargs="*", help="with run: how the names of the notebooks to run begin")
    arguments = parser.parse_args()
    if arguments.action == "build":
        build()
    else:
        run(arguments.names)


if __name__ == "__main__":
    main()
